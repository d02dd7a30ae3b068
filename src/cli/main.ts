import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { InvalidConfigError, ReceiptSyncError } from '../errors.ts';
import { alarmsCommand } from './alarms.ts';
import { backupCommand } from './backup.ts';
import { certCommand } from './cert.ts';
import { completionCommand } from './completion.ts';
import { configCommand } from './config.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { CommandFailure, EXIT, exitCodeOf } from './exit.ts';
import { exportCommand } from './export.ts';
import { getCommand } from './get.ts';
import { healthCommand } from './health.ts';
import { importCommand } from './import.ts';
import { initCommand } from './init.ts';
import { tell, watchStdout } from './io.ts';
import { keygenCommand } from './keygen.ts';
import { logCommand } from './log.ts';
import { lsCommand } from './ls.ts';
import { policyCommand } from './policy.ts';
import { putCommand } from './put.ts';
import { receiptsCommand } from './receipts.ts';
import { serveCommand } from './serve.ts';
import { statusCommand } from './status.ts';
import { printable } from './table.ts';
import { verifyCommand } from './verify.ts';

const EXAMPLES = `Examples:
  receipt-sync demo                                   three regions on this machine, receipts of this folder's git history
  receipt-sync init --dir ./cluster us-east-1=http://127.0.0.1:7481 us-west-1=http://127.0.0.1:7482
  receipt-sync serve --config ./cluster/us-east-1/config.yaml
  receipt-sync put receipt.json
  receipt-sync verify rec-123
`;
const EXITS = `
Exit codes: 0 ok, 1 negative answer, 64 usage, 65 bad data, 66 no input file, 69 unreachable, 70 our bug, 74 I/O, 75 try again,
77 not allowed, 78 configuration.`;

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('receipt-sync');
  program
    .description('Stores transaction receipts durably, replicates them across regions, and says when a weighted quorum has them.')
    .version(packageVersion(), '-V, --version')
    .addHelpText('beforeAll', ({ command }) => (command === program ? EXAMPLES : ''))
    .addHelpText('after', EXITS)
    .configureOutput({ writeErr: (text) => process.stderr.write(text) });
  for (const command of commands(program)) program.addCommand(command.exitOverride());
  program.exitOverride();
  await program.parseAsync(argv);
}

function commands(program: Command): readonly Command[] {
  const first = [demoCommand(), initCommand(), keygenCommand(), policyCommand(), serveCommand()];
  const receipts = [putCommand(), getCommand(), lsCommand(), verifyCommand(), certCommand(), importCommand(), exportCommand()];
  const operators = [statusCommand(), healthCommand(), alarmsCommand(), backupCommand(), configCommand(), doctorCommand(), completionCommand(program)];
  return [...first, ...receipts, receiptsCommand(), logCommand(), ...operators];
}

/** Beside src/ as beside dist/. */
function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return String(version);
}

function fail(error: unknown): void {
  if (error instanceof CommanderError) {
    // commander has said what it had to say.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return;
  }
  process.exitCode = exitCodeOf(error);
  if (error instanceof InvalidConfigError) {
    tell('The configuration can not be used:');
    for (const { message } of error.issues) tell(`- ${message}`);
  } else if (error instanceof CommandFailure) tell(error.message);
  else if (process.exitCode === EXIT.ourBug) tell(`This is a bug of receipt-sync: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  else tell(printable(error instanceof Error ? error.message : String(error)));
  const next = nextCommand(error);
  if (next !== undefined) tell(next);
}

/** What to do next, where one thing is more likely than others. */
function nextCommand(error: unknown): string | undefined {
  if (error instanceof InvalidConfigError) return 'Check it with: receipt-sync config validate FILE';
  if (!(error instanceof ReceiptSyncError)) return undefined;
  if (error.code === 'UNAVAILABLE')
    return 'Is it running? Start it: receipt-sync serve --config FILE. Look: receipt-sync doctor --config FILE. Elsewhere: --url URL';
  if (error.code === 'UNAUTHENTICATED') return 'Show the token: --token-file FILE, or --config FILE of that region';
  if (error.code === 'OVERLOADED' || error.code === 'CLOSED') return 'The same command may be repeated: receipts that are known are not stored twice';
  return undefined;
}

watchStdout();
main(process.argv).catch(fail);
