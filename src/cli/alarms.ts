import { Command } from 'commander';
import { EXIT } from './exit.ts';
import { clientOf, print, type TargetOptions } from './io.ts';
import { printable } from './table.ts';
import { withTarget } from './target.ts';

/** An alarm as `/api/v1/alarms` and `/api/v1/status` have it. */
export interface ListedAlarm {
  readonly id: string;
  readonly alarm: string;
  readonly region: string;
  readonly message: string;
  readonly raised_at: string;
  readonly checkpoints: readonly string[];
  readonly evidence: string | null;
  readonly acknowledged: { readonly at: string; readonly reason: string } | null;
}

/** `alarms`: what an operator must look at; `alarms ack ID --reason TEXT`: what came of it. */
export function alarmsCommand(): Command {
  const acknowledge = withTarget(new Command('ack'))
    .description('Acknowledge an alarm with a reason: it stands no longer, and stays in the record.')
    .argument('<id>', 'as `alarms` shows it')
    .requiredOption('--reason <text>', 'why it may go, for whoever reads the record')
    .option('--json', 'print the alarm as JSON')
    .addHelpText('beforeAll', 'Examples:\n  receipt-sync alarms ack 3 --reason "key of us-west-1 was stolen; region retired, ticket 4711"\n')
    .action(async (id: string, _: unknown, command: Command) => {
      // `alarms` takes the same options, and has taken those of them that follow `ack`.
      const options: TargetOptions & { readonly reason: string; readonly json?: true } = command.optsWithGlobals();
      await using client = await clientOf(options);
      const text = await client.acknowledgeAlarm(id, options.reason);
      if (options.json === true) print(text);
      else for (const line of alarmLines(JSON.parse(text))) print(line);
    });
  return withTarget(new Command('alarms'))
    .description('Show the alarms that stand, with the signed checkpoints and the evidence that they are about. Exit 1 if there is one.')
    .option('--all', 'also those that were acknowledged, and why')
    .option('--json', 'print the alarms as JSON')
    .addHelpText('beforeAll', 'Examples:\n  receipt-sync alarms\n  receipt-sync alarms --all --json\n')
    .addCommand(acknowledge.exitOverride())
    .action(async (options: TargetOptions & { readonly all?: true; readonly json?: true }) => {
      await using client = await clientOf(options);
      const text = await client.getAlarmsJson(options.all === true ? 'all' : 'standing');
      const { alarms }: { readonly alarms: readonly ListedAlarm[] } = JSON.parse(text);
      if (options.json === true) print(text);
      else for (const alarm of alarms) for (const line of alarmLines(alarm)) print(line);
      if (options.json !== true && alarms.length === 0) print('No alarm stands');
      process.exitCode = alarms.some(({ acknowledged }) => acknowledged === null) ? EXIT.negative : EXIT.ok;
    });
}

/** An alarm for people: with both signatures where it is about two checkpoints. */
export function alarmLines({ id, alarm, region, message, raised_at, checkpoints, evidence, acknowledged }: ListedAlarm): readonly string[] {
  return [
    `alarm ${id}: ${alarm} (${region}) since ${raised_at}`,
    `  ${printable(message)}`,
    ...checkpoints
      .flatMap((note) => [
        ...note
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => `  | ${printable(line)}`),
        '  |',
      ])
      .slice(0, -1),
    ...(evidence === null ? [] : [`  evidence: ${evidence} in the data directory; check it with: receipt-sync verify FILE.json --policy FILE`]),
    ...(acknowledged === null ? [] : [`  acknowledged ${acknowledged.at}: ${printable(acknowledged.reason)}`]),
  ];
}
