import { Command } from 'commander';
import { clientOf, print, type TargetOptions } from './io.ts';
import { withTarget } from './target.ts';

/** `cert ID`: a certificate as a file. */
export function certCommand(): Command {
  return withTarget(new Command('cert'))
    .description('Print the certificate of a receipt (C2SP tlog-proof): that a quorum of regions has it on stable storage, provable offline.')
    .argument('<id>', 'receipt id')
    .option('--all', 'with the signatures of all regions that have signed, not only as many as it takes')
    .option('--wait <duration>', 'if there is none yet: wait for it, at most 60s', '5s')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync cert rec-123 > rec-123.tlog-proof\n  receipt-sync get rec-123 > rec-123.json\n  receipt-sync verify rec-123.tlog-proof --receipt rec-123.json --policy ./cluster/policy\n',
    )
    .action(async (id: string, options: TargetOptions & { readonly all?: true; readonly wait: string }) => {
      await using client = await clientOf(options);
      print((await client.getCertificate(id, { all: options.all === true, wait: options.wait })).trimEnd());
    });
}
