import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Sought } from '../plants/seek.ts';
import { EDIT_VARIABLE, type Edit } from './edit.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** A seed takes a second or two, and a busy machine several: one that runs for so long will never end. */
const SEED_MS_MAX = 120_000;

/** Which seeds to run; of the corpus all. */
export interface Seeds {
  readonly world: 'safe' | 'beyond' | 'liar' | 'corpus';
  readonly first: number;
  readonly count: number;
}

/** Runs seeds with an edit, or without any, in a process of their own, until one fails. A seed that never ends has failed too. */
export function runSeeds(edit: Edit | undefined, { world, first, count }: Seeds): Promise<Sought> {
  const parts = ['-C', 'source', '--import', './sim/edits/load.ts', 'sim/plants/seek.ts', world, String(first), String(count)];
  const child = spawn(process.execPath, parts, { cwd: ROOT, env: withEdit(edit), stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let [said, complaint, isStuck] = ['', '', false];
    const stuck = (): void => {
      isStuck = true;
      child.kill('SIGKILL');
    };
    let watchdog = setTimeout(stuck, SEED_MS_MAX);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      clearTimeout(watchdog);
      watchdog = setTimeout(stuck, SEED_MS_MAX);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-2_000);
    });
    child.on('close', (code) => {
      clearTimeout(watchdog);
      const lines = said.trimEnd().split('\n');
      const seed = Number(lines.findLast((line) => line.startsWith('seed '))?.slice(5) ?? first);
      if (isStuck) resolve({ kind: 'found', seed, by: 'it never ends', message: `seed ${seed} runs for more than ${SEED_MS_MAX / 1_000} s` });
      else if (code === 0 && lines.at(-1)?.startsWith('{') === true) resolve(JSON.parse(lines.at(-1) ?? ''));
      else reject(new Error(`The seeds of ${edit?.file ?? 'nothing'} ended with ${code}: ${complaint}`));
    });
  });
}

/** The environment of a process that runs with an edit. */
export function withEdit(edit: Edit | undefined): NodeJS.ProcessEnv {
  return edit === undefined ? process.env : { ...process.env, [EDIT_VARIABLE]: JSON.stringify(edit) };
}

/** Does all of them, so many at once. */
export async function atOnce<Item>(width: number, items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
