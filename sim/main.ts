import { runLiarSeed } from './liar-world.ts';
import { runSeed } from './world.ts';

/** `npm run sim -- [--liar] --seed N | --seeds N [--from N]`; `--liar`: one region's keys lie. Prints what each failing seed found, and the counts of what happened. */
async function main(args: readonly string[]): Promise<void> {
  const value = (flag: string): number | undefined => (args.includes(flag) ? Number(args[args.indexOf(flag) + 1]) : undefined);
  const one = value('--seed');
  const from = one ?? value('--from') ?? Math.floor(Math.random() * 1_000_000);
  const count = one === undefined ? (value('--seeds') ?? 300) : 1;
  const [run, again] = args.includes('--liar') ? [runLiarSeed, 'npm run sim -- --liar --seed'] : [runSeed, 'npm run sim -- --seed'];
  const startMs = performance.now();
  const counts = new Map<string, number>();
  let failures = 0;
  let simulatedMs = 0;
  let running = from;
  // An assertion that fails in the background ends a real process; here it is a finding of the seed under way.
  process.on('uncaughtException', (error) => {
    console.error(`seed ${running} failed: ${error.message}\n  ${again} ${running}`);
    process.exit(1);
  });
  for (let seed = from; seed < from + count; seed += 1) {
    running = seed;
    try {
      const report = await run(seed);
      simulatedMs += report.simulatedMs;
      for (const [what, times] of report.counts) counts.set(what, (counts.get(what) ?? 0) + times);
    } catch (error) {
      failures += 1;
      console.error(`seed ${seed} failed: ${error instanceof Error ? error.message : String(error)}\n  ${again} ${seed}`);
    }
  }
  const seconds = (performance.now() - startMs) / 1_000;
  console.log(`${count} seeds from ${from}: ${failures} failed; ${(simulatedMs / 3_600_000).toFixed(1)} simulated hours in ${seconds.toFixed(1)} s`);
  console.log(
    [...counts]
      .sort()
      .map(([what, times]) => `${what}: ${times}`)
      .join(', '),
  );
  process.exitCode = failures === 0 ? 0 : 1;
}

await main(process.argv.slice(2));
