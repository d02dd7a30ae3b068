import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { loadConfig, toMultiRegionConfig } from '../config/load.ts';
import { type ConfigDraft, renderConfig } from '../config/render.ts';
import { RESERVED_NAME } from '../quorum/cluster-policy.ts';
import { isLoopbackHost } from '../std/loopback.ts';
import { CLUSTER_DEFAULT, newClusterKeys, policyOf, type RegionKeys, writeKeyFile } from './cluster-keys.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { print, tell } from './io.ts';

/** Beside the regions' folders. */
const POLICY_FILE = 'policy';

interface InitOptions {
  readonly dir: string;
  readonly cluster?: string;
  readonly threshold?: string;
  readonly plain?: true;
}

interface Named {
  readonly id: string;
  readonly endpoint: string;
  readonly url: URL;
}

/** `init`: a configuration and a data folder for every region named. */
export function initCommand(): Command {
  return new Command('init')
    .description('Write DIR/<region>/config.yaml, keys and a data folder for every region named, ready for `serve`, and DIR/policy for offline verification.')
    .requiredOption('--dir <dir>', 'where to write')
    .option('--cluster <name>', 'domain of all names in logs and keys', CLUSTER_DEFAULT)
    .option('--threshold <n>', 'weight that makes a quorum (default: a majority)')
    .option('--plain', 'without keys: the regions acknowledge unsigned, and there are no certificates')
    .argument('<region=url...>', 'name and peer endpoint of each region')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync init --dir ./cluster us-east-1=http://127.0.0.1:7481 us-west-1=http://127.0.0.1:7482 eu-west-1=http://127.0.0.1:7483\n',
    )
    .action((regions: readonly string[], options: InitOptions) => init(regions.map(named), options));
}

function init(regions: readonly Named[], options: InitOptions): void {
  const twice = regions.find(({ id }, n) => regions.findIndex((other) => other.id === id) !== n);
  if (twice !== undefined) throw new CommandFailure(EXIT.usage, `Region ${twice.id} is named twice`);
  const threshold = options.threshold ?? String(Math.floor(regions.length / 2) + 1);
  if (!/^[1-9][0-9]{0,5}$/.test(threshold)) throw new CommandFailure(EXIT.usage, '--threshold must be a whole number');
  const { dir, cluster = CLUSTER_DEFAULT } = options;
  const taken = regions.find(({ id }) => options.plain !== true && (id === RESERVED_NAME || id === POLICY_FILE));
  if (taken !== undefined) throw new CommandFailure(EXIT.usage, `A region with keys can't be called ${taken.id}: the policy beside it has that name`);
  const keys =
    options.plain === true
      ? undefined
      : newClusterKeys(
          cluster,
          regions.map(({ id }) => id),
        );
  const files = regions.map((region) => {
    const text = renderConfig(draftOf(region, { regions, threshold: Number(threshold), cluster: keys === undefined ? undefined : cluster, keys }));
    const folder = join(dir, region.id);
    // Checked before anything is written: a cluster that can't start is not begun.
    toMultiRegionConfig(loadConfig({ file: { name: join(folder, 'config.yaml'), text, folder }, env: {}, sets: [], cwd: '.', resolve: join })).validate();
    return { folder, text, keyFile: keys?.get(region.id)?.file };
  });
  for (const path of [...files.flatMap(({ folder }) => [join(folder, 'config.yaml'), join(folder, 'keys.json')]), join(dir, POLICY_FILE)])
    if (existsSync(path)) throw new CommandFailure(EXIT.config, `${path} is there already: it was left as it is`);
  for (const { folder, text, keyFile } of files) {
    mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, 'config.yaml'), text, { flag: 'wx' });
    if (keyFile !== undefined) writeKeyFile(join(folder, 'keys.json'), keyFile);
    print(`receipt-sync serve --config ${join(folder, 'config.yaml')}`);
  }
  if (keys !== undefined) writeFileSync(join(dir, POLICY_FILE), policyOf(keys, Number(threshold)), { flag: 'wx' });
  tell(`Wrote ${files.length} regions below ${dir}; start each by its command.`);
  if (keys !== undefined) tell(`Give ${join(dir, POLICY_FILE)} to whoever verifies certificates; move each keys.json to its region and keep no copy.`);
}

function named(text: string): Named {
  const [, id, endpoint] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  const url = endpoint === undefined ? null : URL.parse(endpoint);
  if (id === undefined || endpoint === undefined || url === null) throw new CommandFailure(EXIT.usage, `${text} is no region=url`);
  return { id, endpoint, url };
}

/** The local listener is the peer port + 1000 where the endpoint is on loopback: so several regions fit one machine. */
function draftOf(
  region: Named,
  all: {
    readonly regions: readonly Named[];
    readonly threshold: number;
    readonly cluster: string | undefined;
    readonly keys: ReadonlyMap<string, RegionKeys> | undefined;
  },
): ConfigDraft {
  const { hostname, protocol } = region.url;
  const port = region.url.port === '' ? (protocol === 'https:' ? 443 : 80) : Number(region.url.port);
  const isLoopback = isLoopbackHost(hostname);
  return {
    cluster: all.cluster,
    region: region.id,
    listen: isLoopback ? { local: `127.0.0.1:${port + 1_000}`, peers: `${hostname}:${port}` } : { local: '127.0.0.1:7480', peers: `0.0.0.0:${port}` },
    quorumThreshold: all.threshold,
    ...(all.keys === undefined ? {} : { keyFile: './keys.json' }),
    remotes: all.regions
      .filter(({ id }) => id !== region.id)
      .map(({ id, endpoint }) => {
        const keys = all.keys?.get(id);
        return { id, endpoint, ...(keys === undefined ? {} : { publicKey: keys.publicKey, logKey: keys.logKey }) };
      }),
  };
}
