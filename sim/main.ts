import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { FEATURES, type Feature, type RunOptions, WORLD } from './features.ts';
import { failureLine, smallerLine } from './run/command.ts';
import type { Kind } from './run/kinds.ts';
import type { Task } from './run/messages.ts';
import { Pool } from './run/pool.ts';
import { shrinkIn } from './run/shrink.ts';
import { type Failure, Totals } from './run/totals.ts';

const USAGE = `npm run sim -- [--seed N | --seeds N | --minutes M] [--from N] [--jobs N] [--beyond | --liar]
               [--without A,B] [--storm MS] [--world N] [--no-shrink] [--keep "what it taught"]

  --seed N      one seed
  --seeds N     so many (300), from --from on (by chance)
  --minutes M   for so long
  --beyond      faults exceed what is stated: nothing may be answered wrongly
  --liar        one region's keys lie
  --without     these are left out: ${FEATURES.join(', ')}
  --storm MS    simulated time with faults
  --world N     the world a seed was found in
  --keep TEXT   the seed that fails goes into the corpus, as it was shrunk`;

/** Failures that are made smaller: more of one run are nearly always the same. */
const SHRUNK_MAX = 3;
/** … and of so many it is said how they failed. */
const SHOWN_MAX = 20;
const CORPUS = new URL('./corpus/seeds.json', import.meta.url);

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    from: { type: 'string' },
    jobs: { type: 'string' },
    beyond: { type: 'boolean', default: false },
    liar: { type: 'boolean', default: false },
    without: { type: 'string' },
    storm: { type: 'string' },
    world: { type: 'string' },
    'no-shrink': { type: 'boolean', default: false },
    keep: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const kind: Kind = values.liar ? 'liar' : values.beyond ? 'beyond' : 'safe';

function given(text: string | undefined): number | undefined {
  if (text !== undefined && !/^\d+(\.\d+)?$/.test(text)) throw new RangeError(`${text} is no number; ${USAGE}`);
  return text === undefined ? undefined : Number(text);
}

function optionsGiven(): RunOptions {
  const isFeature = (name: string): name is Feature => FEATURES.some((feature) => feature === name);
  const names = values.without?.split(',') ?? [];
  const unknown = names.find((name) => !isFeature(name));
  if (unknown !== undefined) throw new RangeError(`nothing is called ${unknown}; ${USAGE}`);
  const [world, stormMs, without] = [given(values.world), given(values.storm), names.filter(isFeature)];
  if (kind === 'liar' && (names.length > 0 || world !== undefined || stormMs !== undefined))
    throw new RangeError(`the world of a liar has no parts, storm or number that could be left out or set; ${USAGE}`);
  return { ...(world === undefined ? {} : { world }), ...(stormMs === undefined ? {} : { stormMs }), ...(without.length === 0 ? {} : { without }) };
}

async function made(pool: Pool, failure: Failure): Promise<Task> {
  if (values['no-shrink'] || kind === 'liar') return failure.task;
  const small = await shrinkIn(pool, failure);
  console.error(smallerLine(small));
  return small;
}

/** For ever: with what it taught, and the world it was found in. */
function keep({ seed, options }: Task, taught: string): void {
  const line = JSON.stringify({ seed, ...(kind === 'safe' ? {} : { kind }), ...(kind === 'liar' ? {} : { world: WORLD }), ...options, taught });
  writeFileSync(CORPUS, readFileSync(CORPUS, 'utf8').replace(/\n\]\n$/, `,\n  ${line}\n]\n`));
}

async function main(): Promise<void> {
  await using pool = new Pool();
  const totals = new Totals();
  const options = optionsGiven();
  const from = given(values.seed ?? values.from) ?? Math.floor(Math.random() * 1_000_000_000);
  const untilMs = performance.now() + 60_000 * (given(values.minutes) ?? 0);
  const count = values.minutes !== undefined ? Number.POSITIVE_INFINITY : values.seed !== undefined ? 1 : (given(values.seeds) ?? 300);
  let seed = from;
  const next = (): Task | undefined => {
    if (seed >= from + count || (values.minutes !== undefined && performance.now() > untilMs)) return undefined;
    seed += 1;
    return { kind, seed: seed - 1, options };
  };
  const one = async (): Promise<void> => {
    for (let task = next(); task !== undefined; task = next()) {
      const outcome = await pool.one(task);
      totals.add(outcome);
      if ('problem' in outcome && totals.failures.length <= SHOWN_MAX) console.error(failureLine(outcome));
    }
  };
  await Promise.all(Array.from({ length: given(values.jobs) ?? availableParallelism() }, one));
  for (const [n, failure] of totals.failures.slice(0, SHRUNK_MAX).entries()) {
    const small = await made(pool, failure);
    if (n === 0 && values.keep !== undefined) keep(small, values.keep);
  }
  console.log(`from ${from}: ${totals.lines().join('\n')}`);
  // No seed is no proof.
  process.exitCode = totals.failures.length === 0 && totals.seeds > 0 ? 0 : 1;
}

if (values.help) console.log(USAGE);
else await main();
