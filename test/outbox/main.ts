import { parseArgs } from 'node:util';
import { outboxRun } from './kill-rounds.ts';

/** `npm run outbox-kills -- [--full] [--seed N]`: 10,000 rows and 50 kills, or a tenth. */
const { values } = parseArgs({ options: { full: { type: 'boolean', default: false }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const size = values.full ? { rows: 10_000, kills: 50 } : { rows: 1_000, kills: 6 };
console.error(`seed ${seed}: ${size.rows} rows, ${size.kills} kills`);
const start = performance.now();
const run = await outboxRun({ ...size, seed });
console.log(JSON.stringify({ ...run, seed, seconds: Math.round((performance.now() - start) / 1_000) }));
const isClean = [...Object.values(run.missing), ...Object.values(run.extra), run.waiting, run.setAside].every((count) => count === 0);
const isWell = run.payments === run.rows && run.receipts === run.rows && run.atQuorum === run.rows && isClean;
process.exit(isWell ? 0 : 1);
