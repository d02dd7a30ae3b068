import { ours, peer, type System } from './systems.ts';

/** Names of systems, as they stand in results and tables. */
export const STREAM = 'receipt-sync, batch stream';
export const STREAM_PLAIN = 'receipt-sync, batch stream, without keys';
export const RIVALS = 'receipt-sync, batch stream, 1 % conflicting ids';
export const POST = 'receipt-sync, one POST each';
export const LIBRARY = 'receipt-sync, library';
export const RANDOM = 'receipt-sync, batch stream, random ids';
export const STORED_SEQ = 'receipt-sync, 1M stored, ids in time order';
export const STORED_RANDOM = 'receipt-sync, 1M stored, random ids';
export const ETCD = 'etcd put';
export const PG = 'PostgreSQL, batch of 500';
export const REDIS = 'Redis, WAIT 1';

const STORED = 1_000_000;

/** One round. Levels rise: the memory of a process is told after each, and never falls again. */
export const SYSTEMS: readonly System[] = [
  ours(STREAM, [1, 16, 128, 1_024], { mode: 'stream' }),
  ours(STREAM_PLAIN, [1, 16, 128, 1_024], { mode: 'stream', plain: true }),
  peer(ETCD, [1, 16, 128, 1_024], { server: 'etcd', args: ['--mode', 'put'] }),
  ours(POST, [1, 16, 128], { mode: 'post' }),
  peer(PG, [1, 16, 128, 1_024], { server: 'pg', args: ['--mode', 'batch'] }),
  ours(LIBRARY, [1, 16, 128, 1_024], { mode: 'library' }),
  peer(REDIS, [1, 16, 128, 1_024], { server: 'redis', args: [] }),
  peer('etcd, batch of 512', [128, 1_024], { server: 'etcd', args: ['--mode', 'batch'] }),
  peer('PostgreSQL, single rows', [128], { server: 'pg', args: ['--mode', 'single'] }),
  ours(RANDOM, [128], { mode: 'stream', ids: 'random' }),
  ours(RIVALS, [128], { mode: 'rivals' }),
  peer('PostgreSQL, batch of 500, random ids', [128], { server: 'pg', args: ['--mode', 'batch', '--ids', 'random'] }),
];

/** Only of what the claims rest on: a first look in a few minutes. */
export const QUICK: readonly System[] = [
  ours(STREAM, [1, 128, 1_024], { mode: 'stream' }),
  ours(STREAM_PLAIN, [1, 128, 1_024], { mode: 'stream', plain: true }),
  peer(ETCD, [1, 128, 1_024], { server: 'etcd', args: ['--mode', 'put'] }),
  ours(POST, [1, 128], { mode: 'post' }),
  peer(PG, [128, 1_024], { server: 'pg', args: ['--mode', 'batch'] }),
  ours(LIBRARY, [1, 128], { mode: 'library' }),
  peer(REDIS, [128, 1_024], { server: 'redis', args: [] }),
  ours(RANDOM, [128], { mode: 'stream', ids: 'random' }),
  ours(RIVALS, [128], { mode: 'rivals' }),
];

/** With `--full`: once, after the rounds; filling takes minutes. */
export const LARGE: readonly System[] = [
  ours(STORED_SEQ, [128], { mode: 'stream', prefill: STORED }),
  ours(STORED_RANDOM, [128], { mode: 'stream', ids: 'random', prefill: STORED }),
];
