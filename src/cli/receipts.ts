import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { openSqliteStore } from '../adapters/store-sqlite/store.ts';
import { auditJson, findingJson } from '../audit/json.ts';
import { auditStore } from '../audit/store-audit.ts';
import { toMultiRegionConfig } from '../config/load.ts';
import { ReceiptSyncError } from '../errors.ts';
import { signingOf } from '../manager.ts';
import { isInUse } from './doctor/store-checks.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { clientOf, print, readConfig, type TargetOptions, tell } from './io.ts';
import { ProgressBar } from './progress.ts';
import { type Audited, auditOver } from './sidecar-audit.ts';
import { printable } from './table.ts';
import { withTarget } from './target.ts';

interface VerifyChainOptions extends TargetOptions {
  readonly limit?: string;
  readonly format: string;
  readonly json?: true;
}

/** `receipts verify-chain`: is every stored receipt what it was, up to signed roots? */
export function receiptsCommand(): Command {
  const verifyChain = withTarget(new Command('verify-chain'))
    .description(
      'Check every stored receipt against its entry, the tree over it and the signatures over that, as they lie on the disk. Asks the running region; where none runs, the store of --config itself. Exit 1 on any finding.',
    )
    .option('--limit <n>', 'only the newest n entries, in order of arrival')
    .option('--format <format>', 'text or json', 'text')
    .option('--json', 'the same as --format json')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync receipts verify-chain --config ./cluster/us-east-1/config.yaml\n  receipt-sync receipts verify-chain --limit 100000 --format json\n',
    )
    .action((options: VerifyChainOptions) => checkReceipts(options));
  return new Command('receipts').description('Look at stored receipts.').addCommand(verifyChain.exitOverride());
}

async function checkReceipts(options: VerifyChainOptions): Promise<void> {
  const limit = options.limit === undefined ? undefined : limitOf(options.limit);
  if (options.format !== 'text' && options.format !== 'json') throw new CommandFailure(EXIT.usage, '--format must be text or json');
  const whole = await audited(options, limit);
  const { findings, result } = whole;
  if (options.format === 'json' || options.json === true) print(JSON.stringify({ ...result, findings }));
  else report(whole);
  const isWell = result['signature_failures'] === 0 && result['chain_breaks'] === 0 && result['verified_count'] === result['total_count'];
  process.exitCode = isWell ? EXIT.ok : EXIT.negative;
}

/** The running region's own audit; where nobody answers, and nobody uses the store, one of the store as it lies there. */
async function audited(options: VerifyChainOptions, limit: number | undefined): Promise<Audited> {
  try {
    return await overSidecar(options, limit);
  } catch (error) {
    const isAway = error instanceof ReceiptSyncError && error.code === 'UNAVAILABLE';
    if (!isAway || options.config === undefined || options.url !== undefined) throw error;
    return offline(options.config, limit, error);
  }
}

async function overSidecar(options: VerifyChainOptions, limit: number | undefined): Promise<Audited> {
  await using client = await clientOf(options);
  using bar = new ProgressBar('verify-chain');
  return await auditOver(client, limit, (progress) => bar.show({ ...progress, receipts: progress.done }));
}

async function offline(configFile: string, limit: number | undefined, away: Error): Promise<Audited> {
  const config = await readConfig(configFile, []);
  const { path } = config.store;
  if (statSync(join(path, 'receipts.db'), { throwIfNoEntry: false }) === undefined) throw new CommandFailure(EXIT.noInput, `${path} holds no store`);
  if (isInUse(path)) throw away;
  tell(`Nobody answers: looking at ${path} itself.`);
  const settings = toMultiRegionConfig(config);
  const policy = signingOf(settings)?.cluster.policy;
  // As the region itself would open it: what it wrote last may still be in its journal alone.
  const store = await openSqliteStore({ dataDir: path, region: config.region.id, cluster: settings.cluster, signs: policy !== undefined });
  using bar = new ProgressBar('verify-chain');
  const findings: Audited['findings'][number][] = [];
  try {
    const audit = await auditStore({
      store,
      region: config.region.id,
      policy,
      limit,
      structure: true,
      rest: async () => undefined,
      onFinding: (finding) => findings.push(findingJson(finding)),
      onProgress: ({ done, total }) => bar.show({ done, total, receipts: done }),
    });
    return { findings, result: auditJson(audit) };
  } finally {
    await store.close();
  }
}

function report({ findings, result }: Audited): void {
  for (const { log, message, receipt_id: id } of findings)
    print(`FAIL  ${log}: ${printable(String(message))}${id === undefined ? '' : ` (${printable(String(id))})`}`);
  const { total_count: total, verified_count: verified, signature_failures: signatures, chain_breaks: breaks, last_verified_timestamp: last } = result;
  const found = Number(signatures) + Number(breaks);
  if (found > findings.length) print(`FAIL  ${found - findings.length} more`);
  print(`${verified} of ${total} receipts verified, up to ${last ?? 'none'}; signature failures ${signatures}, chain breaks ${breaks}`);
}

function limitOf(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new CommandFailure(EXIT.usage, '--limit must be a whole number from 1 to 999999999');
  return Number(text);
}
