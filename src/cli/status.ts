import { Command } from 'commander';
import { clientOf, print, type TargetOptions } from './io.ts';
import { withTarget } from './target.ts';

/** `status`: the region, its store, and what each remote is owed. */
export function statusCommand(): Command {
  return withTarget(new Command('status'))
    .description('Show the region, its store, and each remote: available, circuit, owed.')
    .option('--json', 'print the answer as JSON')
    .addHelpText('beforeAll', 'Examples:\n  receipt-sync status\n  receipt-sync status --json --url unix:/run/receipt-sync.sock\n')
    .action(async (options: TargetOptions & { readonly json?: true }) => {
      await using client = await clientOf(options);
      const text = await client.getStatusJson();
      if (options.json === true) {
        print(text);
        return;
      }
      const status = JSON.parse(text);
      print(
        `${status.region}: ${status.receipts} receipts, store ${status.store}, reachable weight ${status.reachable_weight} (threshold ${status.threshold})`,
      );
      const remotes = await client.getSyncStatus();
      if (remotes.length > 0) print(`  ${'REMOTE'.padEnd(20)} ${'AVAILABLE'.padEnd(10)} ${'CIRCUIT'.padEnd(10)} ${'OWED'.padStart(8)}  LAST ERROR`);
      for (const { regionId, isAvailable, circuit, owedCount, lastError } of remotes) {
        print(
          `  ${regionId.padEnd(20)} ${(isAvailable ? 'yes' : 'no').padEnd(10)} ${circuit.padEnd(10)} ${String(owedCount).padStart(8)}  ${(lastError?.message ?? '').slice(0, 24)}`.trimEnd(),
        );
      }
      for (const alarm of status.alarms) print(`  alarm ${alarm.alarm} (${alarm.region}): ${alarm.message}`);
    });
}
