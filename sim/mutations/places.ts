import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Place } from './find.ts';

/** What should notice a change in a file, the quickest first. */
export interface Watchers {
  /** Test files that take a second or two, all of them run in one process. */
  readonly quick: readonly string[];
  /** Seeds of the simulator after that; none where its regions do not run the file. */
  readonly safeSeeds: number;
  readonly beyondSeeds: number;
  readonly liarSeeds: number;
  /** What takes longer, and is run last. */
  readonly slow: readonly string[];
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Where a change must be noticed: every commit, and every comparison of what decides and of what counts. */
export function places(): readonly Place[] {
  const sources = (pattern: string): readonly string[] =>
    globSync(pattern, { cwd: ROOT })
      .filter((file) => !file.endsWith('.test.ts'))
      .sort();
  return [
    ...sources('src/replication/**/*.ts').map((file): Place => ({ file, what: 'commits' })),
    ...sources('src/adapters/**/*.ts').map((file): Place => ({ file, what: 'commits' })),
    { file: 'src/log/decide.ts', what: 'comparisons' },
    { file: 'src/log/decide-batch.ts', what: 'comparisons' },
    ...sources('src/quorum/**/*.ts').map((file): Place => ({ file, what: 'comparisons' })),
  ];
}

/** Who should notice a change in this file. */
export function watchersOf(file: string): Watchers {
  if (file.startsWith('src/adapters/')) return { ...NO_SEEDS, quick: [], slow: ['test/store/contract.test.ts', 'test/store/journal.test.ts'] };
  if (file.startsWith('src/replication/'))
    return {
      quick: tests('{test,src}/replication/*.test.ts'),
      safeSeeds: 100,
      beyondSeeds: 20,
      liarSeeds: 0,
      slow: tests('test/{http/alarms,mirror/conflicts,mirror/forget,mirror/lying-origin,mirror/refusals,mirror/restart}.test.ts'),
    };
  if (file.startsWith('src/log/'))
    return {
      quick: tests('src/log/*.test.ts'),
      safeSeeds: 60,
      beyondSeeds: 10,
      liarSeeds: 6,
      slow: tests('test/{e2e/backup-keys,e2e/tools,mirror/batches,mirror/conflicts}.test.ts'),
    };
  const proofs = tests('{src/quorum,test/tlog,test/audit,test/quorum}/*.test.ts').filter((test) => !test.includes('mutations'));
  if (file.includes('range')) return { ...NO_SEEDS, quick: tests('test/tlog/certified-range.test.ts'), slow: tests('test/mirror/range.test.ts') };
  if (OFFLINE.has(file)) return { ...NO_SEEDS, quick: proofs, slow: tests('test/{tlog/mutations,mirror/lying-origin}.test.ts') };
  return { quick: proofs, safeSeeds: 60, beyondSeeds: 10, liarSeeds: 6, slow: tests('test/{tlog/mutations,mirror/conflicts,http/manager}.test.ts') };
}

const NO_SEEDS = { safeSeeds: 0, beyondSeeds: 0, liarSeeds: 0 } as const;
/** What only verifiers run, and regions hardly ever. */
const OFFLINE: ReadonlySet<string> = new Set(['certificate', 'fork-evidence'].map((name) => `src/quorum/${name}.ts`));

function tests(pattern: string): readonly string[] {
  return globSync(pattern, { cwd: ROOT }).sort();
}
