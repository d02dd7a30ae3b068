import { Command } from 'commander';
import { CommandFailure, EXIT } from './exit.ts';
import { clientOf, print, type TargetOptions } from './io.ts';
import { withTarget } from './target.ts';

/** `get ID`: the receipt as this region holds it. */
export function getCommand(): Command {
  return withTarget(new Command('get'))
    .description('Print a receipt as this region holds it, as JSON.')
    .argument('<id>', 'receipt id')
    .option('--json', 'as it is: the answer is JSON anyway')
    .addHelpText('beforeAll', 'Examples:\n  receipt-sync get rec-123\n')
    .action(async (id: string, options: TargetOptions) => {
      await using client = await clientOf(options);
      const text = await client.getReceiptJson(id);
      if (text === undefined) throw new CommandFailure(EXIT.negative, `No receipt ${JSON.stringify(id)} here`);
      print(text);
    });
}
