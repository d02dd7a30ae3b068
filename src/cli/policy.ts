import { Command } from 'commander';
import { toMultiRegionConfig } from '../config/load.ts';
import { signingOf } from '../manager.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { print, readConfig } from './io.ts';

interface PolicyOptions {
  readonly config?: string;
  readonly set: readonly string[];
  readonly hash?: true;
}

/** `policy`: what offline verifiers need, from a region's configuration. */
export function policyCommand(): Command {
  return new Command('policy')
    .description('Print the policy of the cluster as a region is configured: whom an offline verifier believes (C2SP tlog-policy).')
    .option('--config <file>', 'configuration file (YAML); without one the environment says everything')
    .option('--set <key=value>', 'set one configuration key', (value: string, before: readonly string[]) => [...before, value], [])
    .option('--hash', 'print only its SHA-256: the same in all regions that agree')
    .addHelpText('beforeAll', 'Examples:\n  receipt-sync policy --config ./cluster/us-east-1/config.yaml > policy\n')
    .action(async (options: PolicyOptions) => {
      const settings = toMultiRegionConfig(await readConfig(options.config, options.set));
      settings.validate();
      const signing = signingOf(settings);
      if (signing === undefined) throw new CommandFailure(EXIT.config, 'This region has no key file: it signs nothing, and there is no policy');
      const { policyText, policyHash } = signing.cluster;
      print(options.hash === true ? policyHash : policyText.trimEnd());
    });
}
