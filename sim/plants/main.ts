import { atOnce, runSeeds } from '../edits/run.ts';
import { PLANTS } from './all.ts';
import { type Plant, planted } from './plant.ts';

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
  const sought = await runSeeds(planted(plant), { world: plant.by ?? 'safe', first: 1, count });
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  const seeds = plant.by === undefined ? '' : ` (${plant.by})`;
  if (sought.kind === 'nothing') return { isFound: false, text: `| ${plant.name} | **none of ${count}**${seeds} | | ${seconds} |` };
  return { isFound: true, text: `| ${plant.name} | ${sought.seed}${seeds} | ${sought.by} | ${seconds} |` };
}

await main(process.argv.slice(2));
