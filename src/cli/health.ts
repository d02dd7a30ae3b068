import { Command } from 'commander';
import { EXIT } from './exit.ts';
import { clientOf, print, type TargetOptions } from './io.ts';
import { withTarget } from './target.ts';

/** `health`: exit 0 only if healthy. */
export function healthCommand(): Command {
  return withTarget(new Command('health'))
    .description('Say how the region is. Exit 0 only if it is healthy.')
    .option('--json', 'print the answer as JSON')
    .addHelpText('beforeAll', 'Examples:\n  receipt-sync health && echo fine\n')
    .action(async (options: TargetOptions & { readonly json?: true }) => {
      await using client = await clientOf(options);
      const { status, regionsAvailable, regionsTotal, quorumStatus } = await client.getHealthStatus();
      if (options.json === true)
        print(JSON.stringify({ status, regions_available: regionsAvailable, regions_total: regionsTotal, quorum_status: quorumStatus }));
      else print(`${status}\nRegions: ${regionsAvailable}/${regionsTotal} available\nQuorum: ${quorumStatus ? 'OK' : 'FAILED'}`);
      process.exitCode = status === 'healthy' ? EXIT.ok : EXIT.negative;
    });
}
