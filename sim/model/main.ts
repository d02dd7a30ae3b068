import { explore } from './explore.ts';
import { INVARIANTS } from './invariants.ts';
import { FULL, PLANTS, SCENARIOS } from './scenarios.ts';
import { show } from './show.ts';

/** `npm run model [-- --full]`: every scenario with its states and time, then what each planted simplification breaks, by the shortest way. */
function main(args: readonly string[]): void {
  const scenarios = args.includes('--full') ? [...SCENARIOS, ...FULL] : SCENARIOS;
  console.log(`Invariants: ${INVARIANTS.map(({ name }) => name).join('; ')}.\n`);
  for (const scenario of scenarios) {
    const startMs = performance.now();
    const { states, steps, depth, findings } = explore({ scenario, planted: undefined }, INVARIANTS);
    const size = `${states.toLocaleString('en')} states, ${steps.toLocaleString('en')} steps, at most ${depth} deep, ${seconds(startMs)}`;
    console.log(`${scenario.name}: ${size}: ${findings.length === 0 ? 'all hold' : 'BROKEN'}`);
    for (const { invariant, trace } of findings) console.log(`  ${invariant}\n${trace.map((step, n) => `    ${n + 1}. ${show(step)}`).join('\n')}`);
    if (findings.length > 0) process.exitCode = 1;
  }
  for (const { planted, scenario, breaks } of PLANTS) {
    const startMs = performance.now();
    const { states, findings } = explore({ scenario, planted }, breaks);
    console.log(`\nPlanted: ${planted} (${states.toLocaleString('en')} states, ${seconds(startMs)})`);
    for (const { invariant, trace } of findings)
      console.log(`  breaks "${invariant}" in ${trace.length} steps:\n${trace.map((step, n) => `    ${n + 1}. ${show(step)}`).join('\n')}`);
    if (findings.length < breaks.length) process.exitCode = 1;
  }
}

function seconds(startMs: number): string {
  return `${((performance.now() - startMs) / 1_000).toFixed(1)} s`;
}

main(process.argv.slice(2));
