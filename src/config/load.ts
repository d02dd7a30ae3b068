import { type ConfigIssue, InvalidConfigError } from '../errors.ts';
import { MultiRegionConfig } from '../region/multi-region-config.ts';
import { legacyRegionIds } from '../region/region-config.ts';
import { RemoteRegion } from '../region/remote-region.ts';
import { endpointList } from '../region/sidecar-config.ts';
import { isLoopbackHost } from '../std/loopback.ts';
import { type DaemonConfig, daemonConfig } from './daemon-config.ts';
import { envName, OPTIONS, optionAt, suggestion } from './options.ts';
import { type Setting, valueOfText } from './values.ts';
import { type ConfigText, readYaml } from './yaml.ts';

/** Everything a configuration is read from. Nothing here touches the world: whoever calls reads the file. */
export interface ConfigSources {
  readonly file?: ConfigText & { readonly folder: string };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `path=value` of `--set`. */
  readonly sets: readonly string[];
  /** What relative paths from variables and flags are taken from. */
  readonly cwd: string;
  /** Joins a folder and a path, as the platform does. */
  readonly resolve: (folder: string, path: string) => string;
}

type Settings = Map<string, Setting>;

/** Variables with our prefix that are not settings: the CLI's own. */
const NOT_SETTINGS = new Set(['RECEIPT_SYNC_URL']);
const ENDPOINTS_ALIAS = 'KGC_SIDECAR_RECEIPT_SYNC_ENDPOINTS';

/** Flags over environment over file over defaults. Throws InvalidConfigError with everything that is wrong, each naming line, variable or flag. */
export function loadConfig(sources: ConfigSources): DaemonConfig {
  const issues: ConfigIssue[] = [];
  const file = sources.file === undefined ? { settings: new Map<string, Setting>(), issues: [] } : readYaml(sources.file);
  issues.push(...file.issues);
  const settings: Settings = new Map(file.settings);
  for (const [path, setting] of readEnv(sources.env, issues)) settings.set(path, setting);
  for (const [path, setting] of readSets(sources.sets, issues)) settings.set(path, setting);
  if (issues.length > 0) throw new InvalidConfigError(issues);
  // A list that only the environment has needs no file: version is then ours.
  if (sources.file === undefined && !settings.has('version')) settings.set('version', { value: 1, source: 'default', from: 'default' });
  fillIn(settings, issues);
  if (issues.length > 0) throw new InvalidConfigError(issues);
  const config = daemonConfig((path) => located(settings.get(path), path, sources), remoteCount(settings));
  checkWhole(config, issues);
  if (issues.length > 0) throw new InvalidConfigError(issues);
  return config;
}

/** The library's form of it. Throws InvalidConfigError as `MultiRegionConfig.validate` does. */
export function toMultiRegionConfig(config: DaemonConfig): MultiRegionConfig {
  const { sync, region } = config;
  return new MultiRegionConfig(region.id, {
    crossRegionSyncEnabled: sync.enabled,
    quorumThreshold: sync.quorumThreshold,
    maxRetries: sync.maxRetries,
    retryBackoff: sync.retryBackoffMs,
    waitTimeout: sync.waitTimeoutMs,
    exclusive: sync.exclusive,
    weight: region.weight,
    dataDir: config.store.path,
    regions: config.remotes.map(({ id, endpoint, timeoutMs, weight, tokenFile, caFile, publicKey, logKey }) => {
      const given = Object.entries({ tokenFile, caFile, publicKey, logKey }).filter(([, value]) => value !== undefined);
      return new RemoteRegion(id, endpoint, { timeout: timeoutMs, weight, ...Object.fromEntries(given) });
    }),
    ...(region.keyFile === undefined ? {} : { keyFile: region.keyFile }),
    ...(config.cluster === undefined ? {} : { cluster: config.cluster }),
    ...(sync.primaryRegion === undefined ? {} : { primaryRegion: sync.primaryRegion }),
  });
}

function readEnv(env: ConfigSources['env'], issues: ConfigIssue[]): Settings {
  const settings: Settings = new Map();
  const aliases = readAliases(env, issues);
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('RECEIPT_SYNC_') || NOT_SETTINGS.has(name) || text === undefined) continue;
    const path = pathOfEnv(name);
    if (path === undefined)
      issues.push({
        path: name,
        message: `Unknown variable ${name}${suggestion(
          name,
          OPTIONS.map((option) => envName(option.path)),
        )}`,
      });
    else put(settings, { path, text, source: name, from: 'env' }, issues);
  }
  for (const [path, alias] of aliases) {
    const own = settings.get(path);
    if (own === undefined) settings.set(path, alias);
    else if (own.value !== alias.value) issues.push({ path, message: `${own.source} and ${alias.source} disagree` });
  }
  return settings;
}

/** The source's own variables; its list of endpoints becomes remotes with names of their own. */
function readAliases(env: ConfigSources['env'], issues: ConfigIssue[]): Settings {
  const settings: Settings = new Map();
  for (const { path, alias } of OPTIONS) {
    const text = alias === undefined ? undefined : env[alias];
    if (alias !== undefined && text !== undefined && text.trim() !== '') put(settings, { path, text, source: alias, from: 'env' }, issues);
  }
  const endpoints = endpointList(env[ENDPOINTS_ALIAS] ?? '');
  const ids = legacyRegionIds(String(settings.get('region.id')?.value ?? ''), endpoints);
  for (const [n, endpoint] of endpoints.entries()) {
    settings.set(`remotes[${n}].endpoint`, { value: endpoint, source: ENDPOINTS_ALIAS, from: 'env' });
    settings.set(`remotes[${n}].id`, { value: ids[n] ?? '', source: ENDPOINTS_ALIAS, from: 'env' });
  }
  return settings;
}

/** `RECEIPT_SYNC_REMOTES__0__CA_FILE` → `remotes[0].caFile`, if there is such a setting. */
function pathOfEnv(name: string): string | undefined {
  for (const option of OPTIONS) {
    const [before, after] = envName(option.path.replace('[]', '[0]')).split('__0__');
    if (after === undefined && before === name) return option.path;
    const [, index] = after === undefined ? [] : (new RegExp(`^${before}__(\\d{1,3})__${after}$`).exec(name) ?? []);
    if (index !== undefined) return option.path.replace('[]', `[${Number(index)}]`);
  }
  return undefined;
}

function readSets(sets: readonly string[], issues: ConfigIssue[]): Settings {
  const settings: Settings = new Map();
  for (const set of sets) {
    const [, path, text] = /^([^=]+)=(.*)$/s.exec(set) ?? [];
    const source = `--set ${path ?? set}`;
    if (path === undefined || text === undefined) issues.push({ path: '--set', message: `${source} must be key=value` });
    else if (optionAt(path) === undefined)
      issues.push({
        path,
        message: `${source}: unknown key ${path}${suggestion(
          path,
          OPTIONS.map((option) => option.path),
        )}`,
      });
    else put(settings, { path, text, source, from: 'flag' }, issues);
  }
  return settings;
}

function put(
  settings: Settings,
  given: { readonly path: string; readonly text: string; readonly source: string; readonly from: 'env' | 'flag' },
  issues: ConfigIssue[],
): void {
  const option = optionAt(given.path);
  if (option === undefined) return;
  const read = valueOfText(option.type, given.text);
  if ('wanted' in read) issues.push({ path: given.path, message: `${given.source} must be ${read.wanted}` });
  else settings.set(given.path, { value: read.value, source: given.source, from: given.from });
}

function remoteCount(settings: ReadonlyMap<string, Setting>): number {
  const indexes = [...settings.keys()].flatMap((path) => /^remotes\[(\d+)\]/.exec(path)?.slice(1).map(Number) ?? []);
  return indexes.length === 0 ? 0 : Math.max(...indexes) + 1;
}

/** Defaults, for every list item too; what is required and absent becomes an issue. */
function fillIn(settings: Settings, issues: ConfigIssue[]): void {
  const count = remoteCount(settings);
  for (const { path, type, fallback, required } of OPTIONS) {
    const concrete = path.includes('[]') ? Array.from({ length: count }, (_, n) => path.replace('[]', `[${n}]`)) : [path];
    for (const at of concrete.filter((candidate) => !settings.has(candidate))) {
      const read = fallback === undefined ? undefined : valueOfText(type, String(fallback));
      if (read !== undefined && 'value' in read) settings.set(at, { value: read.value, source: 'default', from: 'default' });
      else if (required === true) issues.push({ path: at, message: `${at} is missing (or ${envName(at)})` });
    }
  }
}

/** Paths are taken from the folder of the file that names them, others from the working directory; a default belongs to the file. */
function located(setting: Setting | undefined, path: string, sources: ConfigSources): Setting['value'] | undefined {
  if (setting === undefined) return undefined;
  const [, scheme, socketPath] = path === 'listen.local' ? (/^(unix:)(.+)$/s.exec(String(setting.value)) ?? []) : [];
  if (optionAt(path)?.type.kind !== 'path' && socketPath === undefined) return setting.value;
  const belongsToFile = setting.from === 'file' || setting.from === 'default';
  const folder = belongsToFile && sources.file !== undefined ? sources.file.folder : sources.cwd;
  return `${scheme ?? ''}${sources.resolve(folder, socketPath ?? String(setting.value))}`;
}

function checkWhole(config: DaemonConfig, issues: ConfigIssue[]): void {
  const { listen, local, plain } = config;
  if (listen.local.kind === 'tcp' && !isLoopbackHost(listen.local.host) && local.tokenFile === undefined) {
    issues.push({ path: 'local.tokenFile', message: 'listen.local is beyond loopback: local.tokenFile is required' });
  }
  if (plain.accept === 'token' && plain.tokenFile === undefined)
    issues.push({ path: 'plain.tokenFile', message: 'plain.accept is token: plain.tokenFile is required' });
  for (const { id, endpoint } of config.remotes) {
    if (isOwnEndpoint(endpoint, listen.peers))
      issues.push({ path: 'remotes', message: `The endpoint of region ${id} is this region's own peer listener: ${endpoint}` });
  }
}

function isOwnEndpoint(endpoint: string, peers: DaemonConfig['listen']['peers']): boolean {
  const url = URL.parse(endpoint);
  if (url === null) return false;
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const listensHere = host === peers.host || (isLoopbackHost(host) && (isLoopbackHost(peers.host) || peers.host === '0.0.0.0' || peers.host === '::'));
  return port === peers.port && listensHere;
}
