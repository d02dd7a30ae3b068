import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import type { Random } from '../../../sim/random.ts';

/** A configuration that can not be used; `names` must stand in what is said about it. */
export interface ConfigCase {
  readonly category: 'yaml' | 'env' | 'flags';
  readonly name: string;
  readonly text?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly sets?: readonly string[];
  readonly names: RegExp;
}

export const GOOD_CONFIG = `version: 1
region: { id: us-east-1 }
sync: { enabled: true, quorumThreshold: 2 }
remotes:
  - { id: us-west-1, endpoint: https://10.0.1.5:7481 }
  - { id: eu-west-1, endpoint: https://10.0.2.5:7481 }
`;
const LINE = /c\.yaml:\d+:\d+/;

const TYPES: Readonly<Record<string, readonly string[]>> = {
  version: ['0', '2', '"1"', 'one', '1.0.0', 'true', '[1]', '{}'],
  cluster: ['5', 'true', '[a]', '{}'],
  'region.id': ['5', '""', '[a]', '{a: b}', 'true'],
  'region.weight': ['-1', '1.5', '"1"', 'x', '1000001', '1e9', '.inf', '.nan', '99999999999999999999'],
  'listen.local': ['7480', 'true', '[a]', '{}'],
  'plain.accept': ['yes', 'Loopback', '1', '""'],
  'sync.enabled': ['"true"', 'yes', '1', 'on'],
  'sync.quorumThreshold': ['-1', '1.5', '"2"', 'two', '2 of 3'],
  'sync.waitTimeout': ['5', '5 s', '1.5s', '-5s', '5sec', 'PT5S', '99999999999999999999d', 'true'].slice(1),
  'sync.maxRetries': ['-1', '101', '"3"', '3.5'],
  'logs.level': ['INFO', 'trace', '1'],
  'logs.format': ['xml', 'JSON'],
  'store.engine': ['postgres', 'SQLite'],
};

function nested(path: string, value: string): string {
  const [group = '', key] = path.split('.');
  return key === undefined ? `${group}: ${value}\n` : `${group}: { ${key}: ${value} }\n`;
}

/** Replaces or adds a top-level group of the good file. */
function withLine(path: string, value: string): string {
  const group = path.split('.')[0] ?? '';
  const rest = GOOD_CONFIG.split('\n').filter((line) => !line.startsWith(`${group}:`));
  const region = group === 'region' && !path.endsWith('.id') ? `region: { id: us-east-1, ${path.split('.')[1]}: ${value} }\n` : nested(path, value);
  return `${region}${rest.join('\n')}`;
}

function* yaml(random: Random): Generator<ConfigCase> {
  const bad = (name: string, text: string, names: RegExp = LINE): ConfigCase => ({ category: 'yaml', name, text, names });
  for (const [path, values] of Object.entries(TYPES)) for (const value of values) yield bad(`${path}: ${value}`, withLine(path, value));
  for (const text of [
    'version: [',
    'version: 1\n\tregion: x',
    'a: b: c',
    '"',
    '{',
    '- a\n- b',
    '5',
    'version: 1\nversion: 1',
    '%YAML 9.9\n---\na: 1',
    '!!js/function "x"',
    '*unknown',
    '&a [*a]',
    '\u0000',
    '--- 1\n--- 2',
  ])
    yield bad(JSON.stringify(text), text, /c\.yaml/);
  yield bad('an alias bomb', `a: &a [x,x]\n${Array.from({ length: 30 }, (_, n) => `k${n}: &b${n} [*a,*a]`).join('\n')}`);
  yield bad('nothing at all', '', /version is missing/);
  yield bad('null', 'null\n');
  yield bad('a megabyte of keys', Array.from({ length: 20_000 }, (_, n) => `key${n}: 1`).join('\n'));
  for (const key of ['regoin', 'listne', 'synk', '__proto__', 'constructor', 'toString', 'remotes[0]', '""'])
    yield bad(`unknown key ${key}`, `${GOOD_CONFIG}${key}: 1\n`);
  for (const key of ['quorumTreshold', 'Enabled', 'retries', '__proto__'])
    yield bad(`unknown key sync.${key}`, GOOD_CONFIG.replace('quorumThreshold: 2', `quorumThreshold: 2, ${key}: 1`));
  for (const item of [
    'x',
    '5',
    '[]',
    '{ id: a }',
    '{ endpoint: https://a }',
    '{ id: a, endpoint: 5 }',
    '{ id: a, endpoint: https://a, timeOut: 5s }',
    '{ id: a, endpoint: https://a, weight: -1 }',
  ])
    yield bad(`remote ${item}`, `${GOOD_CONFIG}  - ${item}\n`, /remotes\[2\]/);
  for (const [name, names, text] of [
    ['a remote twice', /Duplicate region ID us-west-1/, GOOD_CONFIG.replace('eu-west-1', 'us-west-1')],
    ['itself as a remote', /is the local region/, GOOD_CONFIG.replace('eu-west-1', 'us-east-1')],
    ['no URL', /us-west-1/, GOOD_CONFIG.replace('https://10.0.1.5:7481', 'nowhere')],
    ['ftp', /us-west-1/, GOOD_CONFIG.replace('https://10.0.1.5:7481', 'ftp://10.0.1.5')],
    ['a password in a URL', /us-west-1/, GOOD_CONFIG.replace('https://10.0.1.5:7481', 'https://user:secret@10.0.1.5')],
    ['more than there is', /Quorum threshold 9 exceeds/, GOOD_CONFIG.replace('quorumThreshold: 2', 'quorumThreshold: 9')],
    ['none at all', /at least 1/, GOOD_CONFIG.replace('quorumThreshold: 2', 'quorumThreshold: 0')],
    ['a token is wanted', /local\.tokenFile/, `${GOOD_CONFIG}listen: { local: 0.0.0.0:7480 }\n`],
    ['plain token without a file', /plain\.tokenFile/, `${GOOD_CONFIG}plain: { accept: token }\n`],
    ['keys without the name of the cluster', /name of its cluster/, GOOD_CONFIG.replace('id: us-east-1', 'id: us-east-1, keyFile: ./k')],
    ['a port beyond', /listen\.peers/, `${GOOD_CONFIG}listen: { peers: 127.0.0.1:70000 }\n`],
    ['no port', /listen\.local/, `${GOOD_CONFIG}listen: { local: localhost }\n`],
  ] as const)
    yield bad(name, text, names);
  for (let n = 0; n < 200; n += 1) {
    const at = random.below(GOOD_CONFIG.length);
    const noise = [':', '{', ']', '"', '\t', '- ', '&x', '*y', '%', '@', '`', '\u0007'][random.below(12)] ?? ':';
    const text = `${GOOD_CONFIG.slice(0, at)}${noise}${noise}\n${noise}${GOOD_CONFIG.slice(at)}`;
    if (!meansTheSame(text)) yield bad(`${JSON.stringify(noise)} at ${at}`, text, /./);
  }
}

/** White space in the right place is no noise. */
function meansTheSame(text: string): boolean {
  try {
    return isDeepStrictEqual(parse(text), parse(GOOD_CONFIG));
  } catch {
    // Not YAML by the reference.
    return false;
  }
}

function* env(): Generator<ConfigCase> {
  const bad = (name: string, variables: Readonly<Record<string, string>>, names: RegExp): ConfigCase => ({
    category: 'env',
    name,
    env: variables,
    text: GOOD_CONFIG,
    names,
  });
  for (const name of [
    'RECEIPT_SYNC_REGION',
    'RECEIPT_SYNC_REGION_ID',
    'RECEIPT_SYNC_SYNC__QUORUMTHRESHOLD',
    'RECEIPT_SYNC_REMOTES__X__ID',
    'RECEIPT_SYNC_REMOTES__0',
    'RECEIPT_SYNC___PROTO__',
    'RECEIPT_SYNC_',
  ])
    yield bad(`unknown ${name}`, { [name]: '1' }, new RegExp(name));
  for (const [name, values] of Object.entries({
    RECEIPT_SYNC_SYNC__QUORUM_THRESHOLD: ['', 'two', '-1', '1.5', '2 ', '0x2', '1e1', '99999999999999999999'].filter((value) => value !== '2 '),
    RECEIPT_SYNC_SYNC__ENABLED: ['yes', 'on', '2', ''],
    RECEIPT_SYNC_SYNC__WAIT_TIMEOUT: ['5 s', '1.5s', '-1', 'soon', ''],
    RECEIPT_SYNC_REGION__WEIGHT: ['-1', 'x', '1000001'],
    RECEIPT_SYNC_LOGS__LEVEL: ['loud', ''],
    KGC_SIDECAR_QUORUM_THRESHOLD: ['two', '-1', '2.0'],
    KGC_SIDECAR_CROSS_REGION_SYNC_ENABLED: ['maybe', '2'],
  }))
    for (const value of values) yield bad(`${name}=${value}`, { [name]: value }, new RegExp(name));
  yield bad('an alias that disagrees', { RECEIPT_SYNC_SYNC__QUORUM_THRESHOLD: '2', KGC_SIDECAR_QUORUM_THRESHOLD: '3' }, /disagree/);
  yield { category: 'env', name: 'sync without a region', env: { KGC_SIDECAR_CROSS_REGION_SYNC_ENABLED: 'true' }, names: /RECEIPT_SYNC_REGION__ID/ };
  yield { category: 'env', name: 'an index far away', env: { RECEIPT_SYNC_REMOTES__900__ID: 'x' }, text: GOOD_CONFIG, names: /remotes\[\d+\]/ };
}

function* flags(): Generator<ConfigCase> {
  for (const set of [
    '',
    '=',
    'x',
    'x=1',
    'sync.quorumThreshold',
    'sync.quorumThreshold=',
    'sync.quorumThreshold=two',
    'sync.quorumTreshold=2',
    'sync=1',
    'remotes=[]',
    'remotes[0]=x',
    'remotes[-1].id=x',
    'remotes[x].id=y',
    '__proto__.x=1',
    'constructor=1',
    'logs.level=loud',
    'version=2',
    ' sync.enabled=true',
  ])
    yield { category: 'flags', name: `--set ${JSON.stringify(set)}`, text: GOOD_CONFIG, sets: [set], names: /--set|version|must be/ };
}

/** All configurations that must stop a start. */
export function* badConfigs(random: Random): Generator<ConfigCase> {
  yield* yaml(random);
  yield* env();
  yield* flags();
}
