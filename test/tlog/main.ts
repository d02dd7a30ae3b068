import { parseArgs } from 'node:util';
import { mutate } from './mutations.ts';

/** `npm run mutations [-- --full] [-- --seed N]`: mutated certificates, and which check refused how many. */
const { values } = parseArgs({ options: { full: { type: 'boolean', default: false }, seed: { type: 'string' } } });
const count = values.full ? 100_000 : 10_000;
const { seed, same, refusedBy, verified } = mutate(Number(values.seed ?? Math.floor(Math.random() * 1e9)), count);
console.log(`seed ${seed}: ${count} mutants (${same} more that differ in nothing that is read), ${verified.length} verify`);
for (const [check, refused] of refusedBy) console.log(`  ${check.padEnd(12)} refused ${refused}`);
for (const mutant of verified.slice(0, 3)) console.log(JSON.stringify(mutant, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
process.exitCode = verified.length === 0 ? 0 : 1;
