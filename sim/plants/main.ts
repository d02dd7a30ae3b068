import { atOnce, runSeeds } from '../edits/run.ts';
import { PLANTS } from './all.ts';
import { type Plant, planted } from './plant.ts';
import type { Sought } from './seek.ts';

/** Two cores: the seeds of two plants at once. */
const AT_ONCE = 2;

/** `npm run plants -- [--only NAME] [--seeds N]`: puts each bug in and runs seeds 1, 2, 3 … until one fails. Exit 1 if one finds nothing. */
async function main(args: readonly string[]): Promise<void> {
  const value = (flag: string): string | undefined => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const only = value('--only');
  const count = Number(value('--seeds') ?? 200);
  const plants = PLANTS.filter(({ name }) => only === undefined || name === only);
  if (plants.length === 0) throw new Error(`No plant is called ${only}`);
  const rows = new Map<string, string>();
  let missed = 0;
  await atOnce(AT_ONCE, plants, async (plant) => {
    const row = await seekOne(plant, count);
    rows.set(plant.name, row.text);
    if (!row.isFound) missed += 1;
    console.error(row.text);
  });
  console.log('| planted | seeds | found by | s |\n|---|---|---|---|');
  for (const { name } of plants) console.log(rows.get(name));
  console.log(`\n${plants.length - missed} of ${plants.length} found within ${count} seeds`);
  process.exitCode = missed === 0 ? 0 : 1;
}

async function seekOne(plant: Plant, count: number): Promise<{ readonly isFound: boolean; readonly text: string }> {
  const startMs = performance.now();
  const sought = await soughtBy(plant, count);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  const seeds = plant.by === undefined ? '' : ` (${plant.by})`;
  if (sought.kind === 'nothing') return { isFound: false, text: `| ${plant.name} | **none of ${count}**${seeds} | | ${seconds} |` };
  return { isFound: true, text: `| ${plant.name} | ${sought.seed}${seeds} | ${sought.by} | ${seconds} |` };
}

/** The first seed that fails with the plant, and not without it. */
async function soughtBy(plant: Plant, count: number): Promise<Sought> {
  const world = plant.by ?? 'safe';
  for (let first = 1; first <= count; ) {
    const sought = await runSeeds(planted(plant), { world, first, count: count + 1 - first });
    if (sought.kind === 'nothing') return sought;
    const without = await runSeeds(undefined, { world, first: sought.seed, count: 1 });
    if (without.kind === 'nothing') return sought;
    console.error(`${world} seed ${sought.seed} fails without any plant too: ${without.message}`);
    first = sought.seed + 1;
  }
  return { kind: 'nothing' };
}

await main(process.argv.slice(2));
