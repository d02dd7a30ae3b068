import { readFileSync } from 'node:fs';
import { atOnce, runSeeds } from '../edits/run.ts';
import { EQUIVALENT } from './equivalent.ts';
import { type Mutant, mutantsOf } from './find.ts';
import { places, watchersOf } from './places.ts';
import { failingTest } from './tests.ts';

/** Two cores. */
const AT_ONCE = 2;

/**
 * `npm run mutate -- [--file F[,F…]] [--line N] [--survived F] [--list] [--quick]`: makes each small change by itself and runs what should notice it: the tests of its room, then seeds
 * of the simulator, then the slow tests (`--quick`: the first alone; `--survived`: those that survived in the run that printed F). Exit 1 where something survives that is not known to change nothing.
 */
async function main(args: readonly string[]): Promise<void> {
  const value = (flag: string): string | undefined => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const [file, line] = [value('--file'), value('--line')];
  const chosen = places().filter((place) => file === undefined || file.split(',').includes(place.file));
  const before = value('--survived');
  const survived = before === undefined ? undefined : readFileSync(before, 'utf8');
  const mutants = mutantsOf(chosen)
    .filter((mutant) => line === undefined || mutant.line === Number(line))
    .filter(({ name }) => survived?.includes(`SURVIVED ${name} (`) !== false);
  if (mutants.length === 0) throw new Error('No such mutant');
  if (args.includes('--list')) {
    for (const mutant of mutants) console.log(`${mutant.line} ${mutant.name}`);
    return;
  }
  const startMs = performance.now();
  const survivors: Mutant[] = [];
  const killers = new Map<string, number>();
  await atOnce(AT_ONCE, mutants, async (mutant) => {
    const { by, detail } = await killerOf(mutant, args.includes('--quick') ? 'quick' : 'all');
    killers.set(by, (killers.get(by) ?? 0) + 1);
    if (by === 'survived') survivors.push(mutant);
    console.log(`${by === 'survived' ? 'SURVIVED' : 'killed'} ${mutant.name} (line ${mutant.line})${detail === '' ? '' : `\n    ${detail}`}`);
  });
  const minutes = ((performance.now() - startMs) / 60_000).toFixed(1);
  console.log(`\n${mutants.length} mutants in ${minutes} min: ${[...killers].map(([by, count]) => `${by} ${count}`).join(', ')}`);
  const gone =
    file === undefined && line === undefined && before === undefined
      ? [...EQUIVALENT.keys()].filter((name) => !mutants.some((mutant) => mutant.name === name))
      : [];
  for (const name of gone) console.log(`No such mutant any more: ${name}`);
  process.exitCode = survivors.length + gone.length > 0 ? 1 : 0;
}

/** Who notices first, and how. */
async function killerOf(mutant: Mutant, watchers: 'quick' | 'all'): Promise<{ readonly by: string; readonly detail: string }> {
  const { quick, safeSeeds, beyondSeeds, liarSeeds, slow } = watchersOf(mutant.file);
  const known = EQUIVALENT.get(mutant.name);
  if (known !== undefined) return { by: 'change nothing', detail: known };
  const failed = await failingTest(mutant, quick);
  if (failed !== undefined) return { by: 'unit tests', detail: failed };
  if (watchers === 'quick') return { by: 'survived', detail: '' };
  for (const [world, count] of [['safe', safeSeeds] as const, ['beyond', beyondSeeds] as const, ['liar', liarSeeds] as const, ['corpus', safeSeeds] as const]) {
    if (count === 0) continue;
    const sought = await runSeeds(mutant, { world, first: 1, count });
    if (sought.kind === 'found') return { by: 'simulator', detail: `${world} seed ${sought.seed}: ${sought.message.slice(0, 160)}` };
  }
  const late = await failingTest(mutant, slow);
  return late === undefined ? { by: 'survived', detail: '' } : { by: 'slow tests', detail: late };
}

await main(process.argv.slice(2));
