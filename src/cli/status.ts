import { Command } from 'commander';
import { alarmLines } from './alarms.ts';
import { clientOf, print, type TargetOptions } from './io.ts';
import { table, tableWidth } from './table.ts';
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
        `${status.region}: ${status.receipts} receipts, ${status.conflicts} conflicts, store ${status.store}, reachable weight ${status.reachable_weight} (threshold ${status.threshold})`,
      );
      const remotes = await client.getSyncStatus();
      const columns = [
        { head: 'REMOTE', shrinkTo: 12 },
        { head: 'AVAILABLE' },
        { head: 'CIRCUIT' },
        { head: 'OWED', align: 'right' as const },
        { head: 'LAST ERROR', shrinkTo: 16 },
      ];
      const rows = remotes.map(({ regionId, isAvailable, circuit, owedCount, lastError }) => [
        regionId,
        isAvailable ? 'yes' : 'no',
        circuit,
        String(owedCount),
        lastError?.message ?? '',
      ]);
      if (rows.length > 0) for (const line of table(columns, rows, tableWidth() - 2)) print(`  ${line}`);
      for (const alarm of status.alarms) for (const line of alarmLines(alarm)) print(`  ${line}`);
    });
}
