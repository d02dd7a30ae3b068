import { Command, Option } from 'commander';
import { durationMs } from '../std/duration.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { importSource } from './import/items.ts';
import { type ImportCounts, importExit, runImport } from './import/run.ts';
import { clientOf, print, type TargetOptions, tell } from './io.ts';
import { withTarget } from './target.ts';

interface ImportOptions extends TargetOptions {
  readonly format: string;
  readonly wait: string;
  readonly progress?: string;
  readonly json?: true;
}

/** `import`: receipts of a file, of stdin, or of a git history. */
export function importCommand(): Command {
  return withTarget(new Command('import'))
    .description('Sync many receipts. Stopped, the same command goes on where it was. Exit: 0 all have their quorum, 65 any invalid, 1 any refused, else 75.')
    .argument('<from>', 'an ndjson file, - for stdin, or with --format git a repository')
    .addOption(new Option('--format <format>', 'what it is').choices(['ndjson', 'git']).default('ndjson'))
    .option('--wait <duration>', 'how long a receipt may wait for its quorum, at most 60s', '5s')
    .option('--progress <file>', 'where to remember how far it came (default: beside the input; none for stdin)')
    .option('--json', 'print the counts as JSON')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync import receipts.ndjson\n  receipt-sync import --format git .\n  zcat receipts.gz | receipt-sync import -\n',
    )
    .action((from: string, options: ImportOptions) => importReceipts(from, options));
}

async function importReceipts(from: string, options: ImportOptions): Promise<void> {
  if (durationMs(options.wait) === undefined) throw new CommandFailure(EXIT.usage, '--wait must be a duration such as 5s');
  const source = await importSource(options.format, from);
  const progressFile = options.progress ?? source.progressFile;
  await using client = await clientOf(options);
  const counts = await runImport(client, source, { wait: options.wait, progressFile });
  if (options.json === true) print(JSON.stringify(counts));
  else print(sentence(counts));
  if (counts.pending > 0) tell('Pending is "not yet": delivery goes on. Look: receipt-sync ls --state pending');
  process.exitCode = importExit(counts);
}

function sentence(counts: ImportCounts): string {
  const parts = Object.entries(counts).filter(([name, count]) => count > 0 || name === 'quorum');
  return parts.map(([name, count]) => `${count.toLocaleString('en')} ${name}`).join(', ');
}
