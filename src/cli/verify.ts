import { Command } from 'commander';
import { verifyCertificate } from '../verify.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { clientOf, print, readBytes, type TargetOptions } from './io.ts';
import { withTarget } from './target.ts';

const EXIT_OF = { confirmed: EXIT.ok, pending: EXIT.negative, conflict: EXIT.negative, unknown: EXIT.unreachable } as const;

type VerifyOptions = TargetOptions & { readonly json?: true; readonly receipt?: string; readonly policy?: string };

/** `verify ID` asks every region now; `verify FILE.tlog-proof` asks nobody. */
export function verifyCommand(): Command {
  return withTarget(new Command('verify'))
    .description(
      'Ask every region now whether it holds this receipt (exit: 0 confirmed, 1 pending or conflict, 69 unknown), or verify a certificate offline (0 valid, 1 not).',
    )
    .argument('<id|file.tlog-proof>', 'receipt id, or a certificate file')
    .option('--receipt <file>', 'offline: the receipt as JSON')
    .option('--policy <file>', 'offline: whom to believe, from `init` or `policy`')
    .option('--json', 'print the answer as JSON')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync verify rec-123\n  receipt-sync verify rec-123.tlog-proof --receipt rec-123.json --policy ./cluster/policy\n',
    )
    .action((what: string, options: VerifyOptions) => (isOffline(what, options) ? offline(what, options) : online(what, options)));
}

function isOffline(what: string, { receipt, policy }: VerifyOptions): boolean {
  return what.endsWith('.tlog-proof') || receipt !== undefined || policy !== undefined;
}

async function offline(file: string, { receipt, policy, json }: VerifyOptions): Promise<void> {
  if (receipt === undefined || policy === undefined) throw new CommandFailure(EXIT.usage, 'A certificate is verified with --receipt FILE and --policy FILE');
  if ([file, receipt, policy].filter((name) => name === '-').length > 1) throw new CommandFailure(EXIT.usage, 'Only one of the files can be stdin (-)');
  // Bytes as they are: what they should be is the verifier's business.
  const report = await verifyCertificate({ certificate: await readBytes(file), receipt: await readBytes(receipt), policy: await readBytes(policy) });
  if (json === true) print(JSON.stringify(report));
  else {
    for (const { name, ok, detail } of report.checks) print(`${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(12)} ${detail}`);
    print(report.valid ? 'valid: a quorum of regions had this receipt on stable storage' : 'NOT valid');
  }
  process.exitCode = report.valid ? EXIT.ok : EXIT.negative;
}

async function online(id: string, options: VerifyOptions): Promise<void> {
  await using client = await clientOf(options);
  const verification = await client.verify(id);
  if (options.json === true) print(JSON.stringify({ receipt_id: id, ...verification }));
  else {
    print(`${verification.verdict}: weight ${verification.weight} of ${verification.threshold}`);
    for (const { region, state, digest } of verification.regions) print(`  ${region.padEnd(24)} ${state.padEnd(12)} ${digest ?? ''}`);
  }
  process.exitCode = EXIT_OF[verification.verdict];
}
