import { Command } from 'commander';
import { EXIT } from './exit.ts';
import { clientOf, print, type TargetOptions } from './io.ts';
import { withTarget } from './target.ts';
import { isOffline, type OfflineOptions, verifyFile } from './verified-file.ts';

const EXIT_OF = { confirmed: EXIT.ok, pending: EXIT.negative, conflict: EXIT.negative, unknown: EXIT.unreachable } as const;

type VerifyOptions = TargetOptions & OfflineOptions;

/** `verify ID` asks every region now; `verify FILE.tlog-proof` asks nobody. */
export function verifyCommand(): Command {
  return withTarget(new Command('verify'))
    .description(
      'Ask every region now whether it holds this receipt (exit: 0 confirmed, 1 pending or conflict, 69 unknown), or verify a certificate, a certified range or evidence offline (0 valid, 1 not).',
    )
    .argument('<id|file>', 'receipt id, or a file: FILE.tlog-proof, what export --certified has written, or evidence/SHA256.json')
    .option('--receipt <file>', 'offline: the receipt as JSON')
    .option('--policy <file>', 'offline: whom to believe, from `init` or `policy`')
    .option('--json', 'print the answer as JSON')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync verify rec-123\n  receipt-sync verify rec-123.tlog-proof --receipt rec-123.json --policy ./cluster/policy\n  receipt-sync verify november.range --policy ./cluster/policy\n  receipt-sync verify evidence/SHA256.json --policy ./cluster/policy\n',
    )
    .action((what: string, options: VerifyOptions) => (isOffline(what, options) ? verifyFile(what, options) : online(what, options)));
}

async function online(id: string, options: VerifyOptions): Promise<void> {
  await using client = await clientOf(options);
  const verification = await client.verify(id);
  if (options.json === true) print(JSON.stringify({ receipt_id: id, ...verification }));
  else {
    print(`${verification.verdict}: weight ${verification.weight} of ${verification.threshold}`);
    for (const { region, state, digest, refused = [] } of verification.regions) {
      print(`  ${region.padEnd(24)} ${state.padEnd(12)} ${digest ?? ''}`);
      for (const other of refused) print(`  ${''.padEnd(24)} ${'refuses'.padEnd(12)} ${other.digest} (entry ${other.index} of the log of ${other.region})`);
    }
  }
  process.exitCode = EXIT_OF[verification.verdict];
}
