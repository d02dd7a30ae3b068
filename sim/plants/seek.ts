import { readFileSync, writeSync } from 'node:fs';
import { EDIT_VARIABLE } from '../edits/edit.ts';
import { loaded } from '../edits/load.ts';
import type { RunOptions } from '../features.ts';
import { type Kind, runKind } from '../run/kinds.ts';

/** What the seeds came to. */
export type Sought =
  /** The first seed that failed, and who found that. */
  { readonly kind: 'found'; readonly seed: number; readonly by: string; readonly message: string } | { readonly kind: 'nothing' };

/**
 * `node -C source --import ./sim/edits/load.ts sim/plants/seek.ts safe|beyond|liar|corpus <first seed> <seeds>`: runs seeds until one fails. Writes a line
 * `seed N` before each, and at last one with what it has found, as JSON.
 */
async function seek([world = '', first, count]: readonly string[]): Promise<Sought> {
  for (const { seed, kind = 'safe', ...options } of world === 'corpus' ? corpus() : some(world, Number(first), Number(count))) {
    writeSync(1, `seed ${seed}\n`);
    const failure = await failureOf(runKind(kind, seed, options));
    background = undefined;
    if (failure !== undefined) return { kind: 'found', seed, ...namedFailure(failure.thrown) };
    if (process.env[EDIT_VARIABLE] !== undefined && loaded.size === 0) throw new Error('The seeds run without the file that was edited');
  }
  return { kind: 'nothing' };
}

/** One seed, and how it is run. */
interface Run extends RunOptions {
  readonly seed: number;
  readonly kind?: Kind;
}

function some(world: string, first: number, count: number): readonly Run[] {
  const kind: Kind = world === 'liar' || world === 'beyond' ? world : 'safe';
  return Array.from({ length: count }, (_, n) => ({ seed: first + n, kind }));
}

function corpus(): readonly Run[] {
  return JSON.parse(readFileSync(new URL('../corpus/seeds.json', import.meta.url), 'utf8'));
}

/** What an assertion in the background has thrown; in production it ends the process. */
let background: ((thrown: unknown) => void) | undefined;
process.on('uncaughtException', (error) => background?.(error));

function failureOf(run: Promise<unknown>): Promise<{ readonly thrown: unknown } | undefined> {
  return new Promise((resolve) => {
    background = (thrown) => resolve({ thrown });
    run.then(
      () => resolve(undefined),
      (thrown: unknown) => resolve({ thrown }),
    );
  });
}

/** A violation says `seed N: checker: what`; anything else is an assertion, or an exception that nobody expects. */
function namedFailure(thrown: unknown): { readonly by: string; readonly message: string } {
  const { name, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const [, what = ''] = /^seed \d+: (.*)$/s.exec(message) ?? [];
  if (name !== 'Violation') return { by: `${name}: ${message.slice(0, 80)}`, message };
  return { by: what.split(':')[0] ?? '', message };
}

const sought = await seek(process.argv.slice(2));
writeSync(1, `${JSON.stringify(sought)}\n`);
// Whatever a broken region still has under way.
process.exit(0);
