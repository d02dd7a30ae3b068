import { Command } from 'commander';
import { toMultiRegionConfig } from '../config/load.ts';
import { signingOf } from '../manager.ts';
import { print, readConfig, tell } from './io.ts';

/** `config validate`: everything that is wrong with a configuration, before a start says so. */
export function configCommand(): Command {
  const validate = new Command('validate')
    .description('Check a configuration as `serve` would, and show what it comes to. Exit 78 if it can not be used.')
    .argument('[file]', 'the file; without one the environment says everything')
    .option('--set <key=value>', 'set one configuration key', (value: string, before: readonly string[]) => [...before, value], [])
    .option('--json', 'print the whole effective configuration as JSON')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync config validate config.yaml\n  receipt-sync config validate config.yaml --set sync.quorumThreshold=3 --json\n',
    )
    .action((file: string | undefined, options: { readonly set: readonly string[]; readonly json?: true }) => validateConfig(file, options));
  return new Command('config').description('Look at configurations.').addCommand(validate.exitOverride());
}

async function validateConfig(file: string | undefined, options: { readonly set: readonly string[]; readonly json?: true }): Promise<void> {
  const config = await readConfig(file, options.set);
  const settings = toMultiRegionConfig(config);
  settings.validate();
  const signing = signingOf(settings);
  if (options.json === true) print(JSON.stringify(config, null, 2));
  else {
    const weight = config.remotes.reduce((sum, remote) => sum + remote.weight, config.region.weight);
    const names = config.remotes.map(({ id }) => id).join(', ');
    print(`${file ?? 'The environment'} can be used: region ${config.region.id}, ${config.remotes.length} remotes${names === '' ? '' : ` (${names})`}`);
    print(
      config.sync.enabled
        ? `Quorum: weight ${config.sync.quorumThreshold} of ${weight}`
        : 'Sync is off: receipts are stored here, and owed from the moment it is on',
    );
  }
  if (options.json !== true && signing !== undefined)
    print(`Keys: mirrors ${signing.cluster.remotes.size} remotes; policy ${signing.cluster.policyHash}, the same in all regions`);
  for (const warning of settings.warnings()) tell(`Warning: ${warning}`);
}
