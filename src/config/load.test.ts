import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { InvalidConfigError } from '../errors.ts';
import type { DaemonConfig } from './daemon-config.ts';
import { loadConfig, toMultiRegionConfig } from './load.ts';
import { envName, OPTIONS } from './options.ts';
import { configReference, renderConfig } from './render.ts';

const FULL = `version: 1
cluster: receipts.example.com
region: { id: us-east-1, weight: 2 }
listen: { local: "127.0.0.1:7480", peers: "0.0.0.0:7481" }
local: { tokenFile: ./local.token }
plain: { accept: token, tokenFile: ./plain.token }
sync: { enabled: true, quorumThreshold: 2, waitTimeout: 7s, maxRetries: 4, retryBackoff: 250ms, exclusive: false, primaryRegion: us-east-1 }
remotes:
  - { id: us-west-1, endpoint: "https://10.0.1.5:7481", caFile: ./ca.pem, weight: 1, timeout: 3s }
  - { id: eu-west-1, endpoint: "http://10.0.2.5:7481", tokenFile: /abs/eu.token }
store: { engine: sqlite, path: ./data }
logs: { level: warn, format: json }
`;

function load(text: string | undefined, more: { readonly env?: Readonly<Record<string, string>>; readonly sets?: readonly string[] } = {}): DaemonConfig {
  const file = text === undefined ? {} : { file: { name: 'config.yaml', text, folder: '/etc/sync' } };
  return loadConfig({ ...file, env: more.env ?? {}, sets: more.sets ?? [], cwd: '/home/me', resolve });
}

function issuesOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof InvalidConfigError) return error.issues.map(({ message }) => message).join('\n');
    throw error;
  }
  return '';
}

test("every key of the contract is read, and paths are taken from the file's folder", () => {
  const config = load(FULL);
  assert.deepEqual(config.sync, {
    enabled: true,
    quorumThreshold: 2,
    waitTimeoutMs: 7_000,
    maxRetries: 4,
    retryBackoffMs: 250,
    exclusive: false,
    primaryRegion: 'us-east-1',
  });
  assert.deepEqual(
    config.remotes.map(({ id, caFile, tokenFile, timeoutMs }) => [id, caFile, tokenFile, timeoutMs]),
    [
      ['us-west-1', '/etc/sync/ca.pem', undefined, 3_000],
      ['eu-west-1', undefined, '/abs/eu.token', 5_000],
    ],
  );
  assert.deepEqual([config.store.path, config.local.tokenFile, config.logs.format], ['/etc/sync/data', '/etc/sync/local.token', 'json']);
  const library = toMultiRegionConfig(config);
  assert.deepEqual([library.totalWeight(), library.waitTimeoutMs, library.cluster], [4, 7_000, 'receipts.example.com']);
});

test('flags win over environment, environment over file, file over defaults', () => {
  const env = { RECEIPT_SYNC_SYNC__MAX_RETRIES: '5', RECEIPT_SYNC_LOGS__LEVEL: 'error', RECEIPT_SYNC_REMOTES__1__CA_FILE: 'ca2.pem' };
  const config = load(FULL, { env, sets: ['logs.level=debug', 'remotes[0].weight=3'] });
  assert.deepEqual([config.sync.maxRetries, config.logs.level, config.remotes[0]?.weight, config.remotes[1]?.caFile], [5, 'debug', 3, '/home/me/ca2.pem']);
  assert.equal(load('version: 1\nregion: { id: a }\n').sync.maxRetries, 3);
});

test("the source's variables alone make a configuration, their empty list items dropped", () => {
  const env = {
    KGC_SIDECAR_REGION: 'us-east-1',
    KGC_SIDECAR_CROSS_REGION_SYNC_ENABLED: 'true',
    KGC_SIDECAR_RECEIPT_SYNC_ENDPOINTS: 'http://replica-west.example.com,, http://10.0.0.1:80 ,',
    KGC_SIDECAR_QUORUM_THRESHOLD: '2',
  };
  const config = load(undefined, { env });
  assert.deepEqual(
    config.remotes.map(({ id }) => id),
    ['replica-west', '10.0.0.1:80'],
  );
  assert.deepEqual([config.sync.enabled, config.sync.quorumThreshold], [true, 2]);
  assert.match(
    issuesOf(() => load(undefined, { env: { ...env, RECEIPT_SYNC_REGION__ID: 'other' } })),
    /RECEIPT_SYNC_REGION__ID and KGC_SIDECAR_REGION disagree/,
  );
  assert.match(
    issuesOf(() => load(undefined, { env: { ...env, KGC_SIDECAR_QUORUM_THRESHOLD: 'two' } })),
    /^KGC_SIDECAR_QUORUM_THRESHOLD must be a whole number/,
  );
});

test('what is wrong in a file is shown with line and caret', () => {
  assert.equal(
    issuesOf(() => load('version: 1\nregion:\n  idd: a\n')),
    'config.yaml:3:3: Unknown key region.idd; did you mean id?\n    idd: a\n    ^',
  );
  assert.match(
    issuesOf(() => load('version: 1\nregion: { id: a, weight: heavy }\n')),
    /^config\.yaml:2:26: region\.weight must be a whole number from 0 to 1000000/,
  );
  assert.match(
    issuesOf(() => load('version: 2\nregion: { id: a }\n')),
    /version must be 1/,
  );
  assert.match(
    issuesOf(() => load('version: 1\nversion: 1\n')),
    /Map keys must be unique/,
  );
  assert.match(
    issuesOf(() => load('version: 1\nregion: &a { id: x }\nsync: *a\n')),
    /sync must be a mapping|[Aa]lias/,
  );
  assert.match(
    issuesOf(() => load('version: 1\nregion: { id: a, keyfile: k.json }\n')),
    /Unknown key region\.keyfile; did you mean keyFile/,
  );
  assert.match(
    issuesOf(() => load('version: 1\nregion: [\n')),
    /config\.yaml:/,
  );
});

test('what is wrong elsewhere names the variable or the flag', () => {
  const file = 'version: 1\nregion: { id: a }\n';
  assert.match(
    issuesOf(() => load(file, { env: { RECEIPT_SYNC_SYNC__MAXRETRIES: '1' } })),
    /Unknown variable RECEIPT_SYNC_SYNC__MAXRETRIES; did you mean RECEIPT_SYNC_SYNC__MAX_RETRIES\?/,
  );
  assert.match(
    issuesOf(() => load(file, { env: { RECEIPT_SYNC_SYNC__WAIT_TIMEOUT: '-5s' } })),
    /RECEIPT_SYNC_SYNC__WAIT_TIMEOUT must be a duration/,
  );
  assert.match(
    issuesOf(() => load(file, { sets: ['sync.quorum=2'] })),
    /--set sync\.quorum: unknown key/,
  );
  assert.match(
    issuesOf(() => load(file, { sets: ['sync.enabled=maybe'] })),
    /--set sync\.enabled must be true or false/,
  );
  assert.match(
    issuesOf(() => load(undefined)),
    /region\.id is missing \(or RECEIPT_SYNC_REGION__ID\)/,
  );
  assert.match(
    issuesOf(() => load('version: 1\nregion: { id: a }\nremotes: [{ id: b }]\n')),
    /remotes\[0\]\.endpoint is missing/,
  );
});

test('listeners beyond loopback want a token, and no remote is this region itself', () => {
  const file = 'version: 1\nregion: { id: a }\n';
  assert.match(
    issuesOf(() => load(file, { sets: ['listen.local=0.0.0.0:7480'] })),
    /local\.tokenFile is required/,
  );
  assert.match(
    issuesOf(() => load(file, { sets: ['plain.accept=token'] })),
    /plain\.tokenFile is required/,
  );
  assert.match(
    issuesOf(() => load(file, { sets: ['listen.peers=nowhere'] })),
    /must be host:port/,
  );
  for (const endpoint of ['http://127.0.0.1:7481', 'http://localhost:7481/x']) {
    assert.match(
      issuesOf(() => load(file, { sets: ['remotes[0].id=b', `remotes[0].endpoint=${endpoint}`] })),
      /own peer listener/,
    );
  }
  assert.deepEqual(load(file, { sets: ['listen.local=unix:/run/x.sock'] }).listen.local, { kind: 'unix', path: '/run/x.sock' });
});

test("a socket is taken from the file's folder, and one that no system can bind is refused", () => {
  const file = 'version: 1\nregion: { id: a }\nlisten: { local: "unix:./local.sock" }\n';
  assert.deepEqual(load(file).listen.local, { kind: 'unix', path: '/etc/sync/local.sock' });
  assert.deepEqual(load(file, { sets: ['listen.local=unix:x.sock'] }).listen.local, { kind: 'unix', path: '/home/me/x.sock' });
  for (const path of ['', 'x'.repeat(200)]) {
    assert.match(
      issuesOf(() => load(file, { sets: [`listen.local=unix:${path}`] })),
      /must name a socket of 1 to 107 bytes/,
    );
  }
});

test('a place in a list that nobody means costs nothing', () => {
  for (const place of ['9999', '99999999999']) {
    assert.match(
      issuesOf(() => load('version: 1\nregion: { id: a }\n', { sets: [`remotes[${place}].id=b`] })),
      /unknown key/,
    );
  }
});

test('what init writes loads again', () => {
  const draft = {
    cluster: 'c.example.com',
    region: 'a',
    listen: { local: '127.0.0.1:8481', peers: '127.0.0.1:7481' },
    quorumThreshold: 2,
    remotes: [{ id: 'b', endpoint: 'http://127.0.0.1:7482' }],
  };
  const config = load(renderConfig(draft));
  assert.deepEqual([config.region.id, config.sync.enabled, config.remotes.length, config.cluster], ['a', true, 1, 'c.example.com']);
});

test('every option has a variable of its own, and the page of all options is the one in docs/', () => {
  const names = OPTIONS.map(({ path }) => envName(path.replace('[]', '[0]')));
  assert.equal(new Set(names).size, names.length);
  assert.equal(envName('remotes[0].caFile'), 'RECEIPT_SYNC_REMOTES__0__CA_FILE');
  assert.equal(readFileSync(new URL('../../docs/operate/configuration.md', import.meta.url), 'utf8'), configReference());
});
