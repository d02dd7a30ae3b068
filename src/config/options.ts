/** How a value is read from text and from YAML. */
export type OptionType =
  | { readonly kind: 'string' }
  | { readonly kind: 'path' }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'duration' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] };

/** One setting. File key, environment variable, flag, help and documentation all come from here. */
export interface Option {
  /** Dotted path in the file; `[]` stands for an item of a list. */
  readonly path: string;
  readonly type: OptionType;
  /** As written; absent: there is none. */
  readonly fallback?: string | number | boolean;
  readonly required?: true;
  readonly help: string;
  /** An older name of the environment variable (source.md). */
  readonly alias?: string;
}

const string: OptionType = { kind: 'string' };
const path: OptionType = { kind: 'path' };
const duration: OptionType = { kind: 'duration' };
const boolean: OptionType = { kind: 'boolean' };
const weight: OptionType = { kind: 'integer', min: 0, max: 1_000_000 };

/** Every setting there is (CONTRACT §2). */
export const OPTIONS: readonly Option[] = [
  { path: 'version', type: { kind: 'integer', min: 1, max: 1 }, required: true, help: 'Version of this file format: 1.' },
  { path: 'cluster', type: string, help: 'Domain of all names in logs and keys.' },
  { path: 'region.id', type: string, required: true, alias: 'KGC_SIDECAR_REGION', help: 'Name of the region that this process is.' },
  { path: 'region.weight', type: weight, fallback: 1, help: "The region's weight in the quorum; 0 is an observer." },
  { path: 'region.keyFile', type: path, help: "The region's private keys, made by `receipt-sync keygen`, mode 0600. With it the region signs (SPEC §3.2)." },
  { path: 'listen.local', type: string, fallback: '127.0.0.1:7480', help: 'Where applications and operators connect: host:port, or unix:/path.' },
  { path: 'listen.peers', type: string, fallback: '0.0.0.0:7481', help: 'Where other regions connect: host:port.' },
  { path: 'local.tokenFile', type: path, help: 'First line: the bearer token applications must show. Required when listen.local is beyond loopback.' },
  {
    path: 'plain.accept',
    type: { kind: 'choice', choices: ['loopback', 'token', 'off'] },
    fallback: 'loopback',
    help: 'Who may post and read by the plain protocol: loopback (or the right token), token, off.',
  },
  { path: 'plain.tokenFile', type: path, help: 'First line: the bearer token that remotes must show. Required for plain.accept: token.' },
  {
    path: 'sync.enabled',
    type: boolean,
    fallback: false,
    alias: 'KGC_SIDECAR_CROSS_REGION_SYNC_ENABLED',
    help: 'Replicate to the remotes. While false, receipts are stored here and owed.',
  },
  {
    path: 'sync.quorumThreshold',
    type: { kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER },
    fallback: 1,
    alias: 'KGC_SIDECAR_QUORUM_THRESHOLD',
    help: "Weight that makes a quorum, the local region's included.",
  },
  { path: 'sync.waitTimeout', type: duration, fallback: '5s', help: 'How long an HTTP request waits for the quorum before it is answered as pending.' },
  { path: 'sync.maxRetries', type: { kind: 'integer', min: 0, max: 100 }, fallback: 3, help: 'Retries in a call after the first attempt.' },
  { path: 'sync.retryBackoff', type: duration, fallback: '1s', help: 'Wait before the first retry; doubles up to 4s, or to itself where it is longer.' },
  {
    path: 'sync.exclusive',
    type: boolean,
    fallback: false,
    help: 'Refuse a threshold of at most half the weight, which cannot exclude two contents under one id.',
  },
  { path: 'sync.primaryRegion', type: string, alias: 'KGC_SIDECAR_PRIMARY_REGION', help: 'Designation only: the region that runs scheduled checks.' },
  { path: 'remotes[].id', type: string, required: true, help: "The remote region's name." },
  { path: 'remotes[].endpoint', type: string, required: true, help: 'Its peer listener: an http(s) URL.' },
  { path: 'remotes[].caFile', type: path, help: 'PEM of the authority that signed its TLS certificate.' },
  {
    path: 'remotes[].publicKey',
    type: string,
    help: 'Its cosigner key, a vkey: with it the mirror protocol is spoken, and its signatures count in certificates.',
  },
  { path: 'remotes[].logKey', type: string, help: 'The key of its log, a vkey: its log is mirrored here.' },
  { path: 'remotes[].weight', type: weight, fallback: 1, help: 'Its weight in the quorum.' },
  { path: 'remotes[].timeout', type: duration, fallback: '5s', help: 'Over a whole exchange with it, body included.' },
  { path: 'remotes[].tokenFile', type: path, help: 'First line: the bearer token it wants from us.' },
  { path: 'store.engine', type: { kind: 'choice', choices: ['sqlite'] }, fallback: 'sqlite', help: 'The embedded store.' },
  { path: 'store.path', type: path, fallback: './data', help: 'Its folder: one region, one process.' },
  { path: 'logs.level', type: { kind: 'choice', choices: ['debug', 'info', 'warn', 'error'] }, fallback: 'info', help: 'Lines below this are not written.' },
  {
    path: 'logs.format',
    type: { kind: 'choice', choices: ['text', 'json'] },
    fallback: 'text',
    help: 'text as the source prints it, or one JSON object a line.',
  },
];

/** `sync.quorumThreshold` → `RECEIPT_SYNC_SYNC__QUORUM_THRESHOLD`, `remotes[0].caFile` → `RECEIPT_SYNC_REMOTES__0__CA_FILE`. */
export function envName(concretePath: string): string {
  const levels = concretePath.replaceAll(/\[(\d*)\]/g, '.$1').split('.');
  return `RECEIPT_SYNC_${levels.map((level) => level.replaceAll(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()).join('__')}`;
}

/** The option a concrete path names, whatever list item it stands in. */
export function optionAt(concretePath: string): Option | undefined {
  // As in a variable's name: a place of four digits would make as many regions.
  const general = concretePath.replaceAll(/\[\d{1,3}\]/g, '[]');
  return OPTIONS.find((option) => option.path === general);
}

/** The closest known word, if one is close enough to be meant. */
export function suggestion(word: string, known: readonly string[]): string {
  const ranked = known.map((candidate) => [candidate, editDistance(word.toLowerCase(), candidate.toLowerCase())] as const).sort(([, a], [, b]) => a - b);
  const [best, distance] = ranked[0] ?? ['', Number.POSITIVE_INFINITY];
  return distance <= Math.max(2, word.length / 3) ? `; did you mean ${best}?` : '';
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row.at(-1) ?? 0;
}
