import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endAll, threeDaemons } from '../e2e/daemon.ts';
import { runInProcess, runOverHttp, tableOf, wrongOf } from './run.ts';

/** `npm run bad-input -- [--full] [--seed N]`: about 24,000 cases (GOALS R10), or what the tests run. */
const { values } = parseArgs({ options: { full: { type: 'boolean', default: false }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const mutations = values.full ? { inProcess: 12_000, overHttp: 5_000 } : { inProcess: 3_000, overHttp: 700 };
console.error(`seed ${seed}`);
const folder = mkdtempSync(join(tmpdir(), 'receipt-sync-bad-'));
const daemons = await threeDaemons(folder);
await daemons[0]?.start();
const [daemon] = daemons;
if (daemon === undefined) throw new Error('no region');
const inProcess = runInProcess(seed, mutations.inProcess);
const overHttp = await runOverHttp(daemon, seed, mutations.overHttp);
const stored = JSON.parse(await daemon.client.getStatusJson()).receipts;
const wrong = [...wrongOf(inProcess), ...wrongOf(overHttp)];
console.log(`${tableOf(inProcess)}\n\n${tableOf(overHttp)}\n\nstored ${stored}, the process is up, ${wrong.length} answers wrong`);
for (const text of wrong) console.log(text);
await endAll(daemons);
rmSync(folder, { recursive: true, force: true });
process.exit(wrong.length + stored > 0 ? 1 : 0);
