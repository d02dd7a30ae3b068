import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDisk } from '../../sim/memory-disk.ts';
import { CALM, MemoryFiles, MemoryStore } from '../../sim/memory-store.ts';
import { Random } from '../../sim/random.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { signerFromSeeds } from '../../src/adapters/signer-file.ts';
import { parseBatch } from '../../src/log/batch.ts';
import { parseLogText } from '../../src/log/log-text.ts';
import type { MirrorReport, Peer } from '../../src/ports/peer.ts';
import { clusterOf } from '../../src/quorum/cluster.ts';
import { openRegion } from '../../src/replication/open-region.ts';
import { parseNote } from '../../src/tlog/note.ts';
import { formatVerifierKey } from '../../src/tlog/vkey.ts';
import { receiptOf } from '../receipts.ts';
import { eventually } from './scripted.ts';

const signerOf = (region: string, seed: number) =>
  signerFromSeeds({ cluster: 'c.example.com', region }, { log: new Uint8Array(32).fill(seed), mirror: new Uint8Array(32).fill(seed + 1) });

test('a mirror refuses an entry while the disk is full and its line can not be kept: it is asked now and then, not as quickly as it answers', async () => {
  const clock = new VirtualClock();
  const [east, west] = [signerOf('us-east-1', 1), signerOf('us-west-1', 3)];
  const remote = { regionId: 'us-west-1', weight: 1, timeoutMs: 5_000 };
  const keys = { publicKey: formatVerifierKey(west.mirrorKey), logKey: formatVerifierKey(west.logKey) };
  const settings = { region: 'us-east-1', weight: 1, quorumThreshold: 2 };
  const cluster = clusterOf({ ...settings, cluster: 'c.example.com', regions: [{ ...remote, ...keys }] }, east);
  const disk = new MemoryDisk();
  let isFull = false;
  let asked = 0;
  const peer: Peer = {
    deliver: () => assert.fail('speaks the mirror protocol'),
    read: async () => ({ kind: 'missing' }),
    shown: async () => undefined,
    close: async () => undefined,
    mirror: async (bytes): Promise<MirrorReport> => {
      asked += 1;
      await clock.sleep(1);
      const { text } = parseNote(parseBatch(bytes).checkpoint);
      const { size, refused } = parseLogText(text);
      isFull ||= size > 0 && asked < 50;
      if (size === 0 || refused.length > 0) return { kind: 'cosigned', line: west.cosign(text, 1) };
      return { kind: 'refuses', ranges: [{ first: 0, last: 0 }] };
    },
  };
  const region = await openRegion(
    { ...settings, crossRegionSyncEnabled: true, regions: [remote], maxRetries: 3, retryBackoffMs: 1_000, exclusive: false },
    {
      files: new MemoryFiles(disk),
      store: new MemoryStore(disk, { ...CALM, isFull: () => isFull }),
      clock,
      entropy: new Random(1),
      observe: () => undefined,
      peer: () => peer,
      signing: { cluster, signer: east },
    },
  );
  await eventually(clock, region.sync(receiptOf(1), { waitFor: 'local' }));
  await clock.runUntil(() => false, clock.monotonicMs() + 10_000);
  assert.ok(asked > 3 && asked < 40, `asked ${asked} times in ten seconds`);
  asked = 1_000;
  isFull = false;
  const result = await eventually(clock, region.sync(receiptOf(1), { waitFor: 'all' }));
  assert.equal(result.outcome, 'refused');
  await eventually(clock, region.close(0));
});
