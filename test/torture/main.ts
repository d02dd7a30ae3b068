import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killRounds } from './kill-rounds.ts';

const FULL_ROUNDS = 100;
const SHORT_ROUNDS = 10;

/** `npm run torture -- [--full] [--seed N]`: kill rounds on real processes; the short form is what `npm test` runs. */
async function main(args: readonly string[]): Promise<void> {
  const seed = args.includes('--seed') ? Number(args[args.indexOf('--seed') + 1]) : Math.floor(Math.random() * 1_000_000_000);
  const rounds = args.includes('--full') ? FULL_ROUNDS : SHORT_ROUNDS;
  const folder = mkdtempSync(join(tmpdir(), 'receipt-sync-torture-'));
  console.log(`seed ${seed}, ${rounds} rounds`);
  const startMs = performance.now();
  console.log(JSON.stringify({ seed, ...(await killRounds(folder, rounds, seed)), seconds: Math.round((performance.now() - startMs) / 1_000) }));
  rmSync(folder, { recursive: true, force: true });
}

await main(process.argv.slice(2));
