import { Command } from 'commander';
import { EXIT } from './exit.ts';
import { clientOf, print, type TargetOptions } from './io.ts';
import { withTarget } from './target.ts';

const EXIT_OF = { confirmed: EXIT.ok, pending: EXIT.negative, conflict: EXIT.negative, unknown: EXIT.unreachable } as const;

/** `verify ID`: asks every region now. */
export function verifyCommand(): Command {
  return withTarget(new Command('verify'))
    .description('Ask every region now whether it holds this receipt. Exit: 0 confirmed, 1 pending or conflict, 69 unknown.')
    .argument('<id>', 'receipt id')
    .option('--json', 'print the answer as JSON')
    .addHelpText('beforeAll', 'Examples:\n  receipt-sync verify rec-123\n')
    .action(async (id: string, options: TargetOptions & { readonly json?: true }) => {
      await using client = await clientOf(options);
      const verification = await client.verify(id);
      if (options.json === true) print(JSON.stringify({ receipt_id: id, ...verification }));
      else {
        print(`${verification.verdict}: weight ${verification.weight} of ${verification.threshold}`);
        for (const { region, state, digest } of verification.regions) print(`  ${region.padEnd(24)} ${state.padEnd(12)} ${digest ?? ''}`);
      }
      process.exitCode = EXIT_OF[verification.verdict];
    });
}
