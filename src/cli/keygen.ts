import { Command } from 'commander';
import { newKeys } from '../adapters/signer-file.ts';
import { writeKeyFile } from './cluster-keys.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { print, tell } from './io.ts';

interface KeygenOptions {
  readonly cluster: string;
  readonly region: string;
  readonly out: string;
  readonly json?: true;
}

/** `keygen`: a region's two key pairs. */
export function keygenCommand(): Command {
  return new Command('keygen')
    .description("Make a region's two key pairs: one for its log, one to cosign. Prints the public halves, for the other regions' configurations.")
    .requiredOption('--cluster <name>', 'domain of all names in logs and keys')
    .requiredOption('--region <id>', "the region's id")
    .requiredOption('--out <file>', 'where the private keys go, mode 0600; must not be there')
    .option('--json', 'print the public halves as JSON')
    .addHelpText('beforeAll', 'Examples:\n  receipt-sync keygen --cluster receipts.example.com --region us-east-1 --out ./us-east-1/keys.json\n')
    .action((options: KeygenOptions) => keygen(options));
}

function keygen({ cluster, region, out, json }: KeygenOptions): void {
  const { file, log, mirror } = newKeys({ cluster, region });
  try {
    writeKeyFile(out, file);
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new CommandFailure(isThere ? EXIT.config : EXIT.io, isThere ? `${out} is there already: it was left as it is` : String(error));
  }
  if (json === true) print(JSON.stringify({ region, public_key: mirror, log_key: log }));
  else print(`publicKey: "${mirror}"\nlogKey: "${log}"`);
  tell(`Wrote ${out} (mode 0600). Keep it with the region and nowhere else: whoever has it can sign for ${region}.`);
}
