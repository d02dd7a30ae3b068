import { Pool } from 'undici';
import { Random } from '../../sim/random.ts';
import { RECEIPT_BYTES_MAX } from '../../src/adapters/http/request.ts';
import type { Daemon } from '../e2e/daemon.ts';
import { badBodies } from './cases/bodies.ts';
import { badConfigs } from './cases/configs.ts';
import { badRequests, type Listener } from './cases/requests.ts';
import { loaded, parsed } from './in-process.ts';
import { type Outcome, posted, said } from './over-http.ts';

/** What one category came to. */
export interface CategoryCount {
  cases: number;
  /** Answers by status and code. */
  readonly answers: Map<string, number>;
  /** The first cases that were not as they should be. */
  readonly wrong: string[];
}

export type Counts = Map<string, CategoryCount>;

const WRONG_KEPT = 10;
const LOCAL: Listener = { name: 'local', post: '/api/v1/sync' };
const PEERS: Listener = { name: 'peers', post: '/receipt-sync' };

function count(counts: Counts, category: string, name: string, { answer, wrong }: Outcome): void {
  const entry = counts.get(category) ?? { cases: 0, answers: new Map<string, number>(), wrong: [] };
  counts.set(category, entry);
  entry.cases += 1;
  entry.answers.set(answer, (entry.answers.get(answer) ?? 0) + 1);
  if (wrong !== undefined && entry.wrong.length < WRONG_KEPT) entry.wrong.push(`${name}: ${wrong}`);
}

/** Parsers alone: fast, so many. */
export function runInProcess(seed: number, mutations: number): Counts {
  const counts: Counts = new Map();
  for (const bad of badBodies(new Random(seed), mutations)) {
    // Bytes are counted at the door, before there is anything to parse.
    if (bad.category === 'size' && bad.body.length > RECEIPT_BYTES_MAX) continue;
    const answer = parsed(bad);
    count(counts, `parser: ${bad.category}`, bad.name, { answer, wrong: /^[A-Z_]+$/.test(answer) ? undefined : answer });
  }
  for (const bad of badConfigs(new Random(seed))) {
    const wrong = loaded(bad);
    count(counts, `config: ${bad.category}`, bad.name, { answer: wrong === undefined ? 'INVALID_CONFIG' : 'other', wrong });
  }
  return counts;
}

/** Everything over real sockets to a real process, on both listeners. */
export async function runOverHttp(daemon: Daemon, seed: number, mutations: number): Promise<Counts> {
  const counts: Counts = new Map();
  for (const [listener, url] of [
    [LOCAL, daemon.localUrl],
    [PEERS, daemon.peersUrl],
  ] as const) {
    const pool = new Pool(url, { connections: 8 });
    const bodies = [...badBodies(new Random(seed), mutations)].values();
    const worker = async (): Promise<void> => {
      for (const bad of bodies) {
        const outcome = await posted(pool, listener.post, bad).catch((error: unknown): Outcome => ({ answer: 'no answer', wrong: String(error) }));
        count(counts, `${listener.name}: ${bad.category}`, bad.name, outcome);
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    await pool.destroy();
    const requests = [...badRequests(listener)].values();
    const speaker = async (): Promise<void> => {
      for (const bad of requests) count(counts, `${listener.name}: ${bad.category}`, bad.name, await said(Number(new URL(url).port), bad));
    };
    await Promise.all(Array.from({ length: 8 }, speaker));
  }
  return counts;
}

export function wrongOf(counts: Counts): readonly string[] {
  return [...counts].flatMap(([category, { wrong }]) => wrong.map((text) => `${category}: ${text}`));
}

/** A line a category. */
export function tableOf(counts: Counts): string {
  const rows = [...counts].map(([category, { cases, answers, wrong }]) => {
    const shown = [...answers].sort(([, a], [, b]) => b - a).map(([answer, n]) => `${answer} ×${n}`);
    return `${category.padEnd(24)} ${String(cases).padStart(6)}  ${wrong.length === 0 ? '' : `${wrong.length} WRONG  `}${shown.join(', ')}`;
  });
  const total = [...counts.values()].reduce((sum, { cases }) => sum + cases, 0);
  return [...rows, `${'all'.padEnd(24)} ${String(total).padStart(6)}`].join('\n');
}
