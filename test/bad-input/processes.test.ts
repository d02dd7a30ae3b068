import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cli } from '../e2e/daemon.ts';
import { GOOD_CONFIG } from './cases/configs.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-bad-cli-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Whole processes: what an operator sees, and what a supervisor acts on. */
const CASES: readonly {
  readonly args: readonly string[];
  readonly code: number;
  readonly says: RegExp;
  readonly file?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}[] = [
  { args: ['serve', '--config', 'FILE'], file: 'version: [', code: 78, says: /config\.yaml:1:\d+/ },
  {
    args: ['serve', '--config', 'FILE'],
    file: GOOD_CONFIG.replace('quorumThreshold', 'quorumTreshold'),
    code: 78,
    says: /config\.yaml:3:\d+: Unknown key sync\.quorumTreshold; did you mean quorumThreshold\?\n.*\n\s+\^/,
  },
  { args: ['serve', '--config', 'FILE', '--set', 'sync.quorumThreshold=nine'], file: GOOD_CONFIG, code: 78, says: /--set sync\.quorumThreshold must be/ },
  {
    args: ['serve', '--config', 'FILE'],
    file: GOOD_CONFIG,
    env: { RECEIPT_SYNC_SYNC__MAX_RETRIES: 'many' },
    code: 78,
    says: /RECEIPT_SYNC_SYNC__MAX_RETRIES must be/,
  },
  { args: ['serve'], env: { KGC_SIDECAR_CROSS_REGION_SYNC_ENABLED: 'true' }, code: 78, says: /region\.id is missing \(or RECEIPT_SYNC_REGION__ID\)/ },
  { args: ['serve', '--config', '/nowhere/config.yaml'], code: 66, says: /Can't read the configuration/ },
  { args: ['serve', '--drain', 'soon', '--config', 'FILE'], file: GOOD_CONFIG, code: 64, says: /--drain must be a duration/ },
  { args: ['config', 'validate', 'FILE'], file: '\u0000\u0001binary', code: 78, says: /config\.yaml/ },
  { args: ['bogus'], code: 64, says: /unknown command/ },
  { args: ['get'], code: 64, says: /missing required argument/ },
  { args: ['ls', '--bogus'], code: 64, says: /unknown option/ },
  { args: ['ls', '--limit', '0'], code: 64, says: /--limit/ },
  { args: ['ls', '--url', 'ftp://x'], code: 64, says: /neither an http/ },
  { args: ['import', '--format', 'xml', '-'], code: 64, says: /Allowed choices are ndjson, git/ },
  { args: ['init', '--dir', 'X', 'nonsense'], code: 64, says: /is no region=url/ },
  { args: ['init', '--dir', 'X', 'a=http://127.0.0.1:1', 'a=http://127.0.0.1:2'], code: 64, says: /Region a is named twice/ },
  { args: ['put', '/nowhere.json'], code: 66, says: /Can't read/ },
  { args: ['put', '-', '--url', 'http://127.0.0.1:9'], input: '[{"receipt_id":1}]', code: 65, says: /receipt_id/ },
  { args: ['put', '-', '--url', 'http://127.0.0.1:9'], input: '{"receipt_id":"x"}', code: 69, says: /could not be reached/ },
  { args: ['demo', '--kill', 'mars@2s', '--headless'], code: 64, says: /mars/ },
  { args: ['demo', '--count', '-5', '--headless'], code: 64, says: /--count/ },
  { args: ['completion', 'csh'], code: 64, says: /Allowed choices/ },
];

for (const { args, code, says, file, input, env } of CASES) {
  test(`${args.join(' ')}${env === undefined ? '' : ` with ${Object.keys(env)}`} exits ${code} and says where`, async () => {
    const path = join(folder, 'config.yaml');
    if (file !== undefined) await writeFile(path, file);
    const ran = await cli(
      args.map((arg) => (arg === 'FILE' ? path : arg === 'X' ? join(folder, 'init') : arg)),
      { ...(input === undefined ? {} : { input }), ...(env === undefined ? {} : { env }) },
    );
    assert.equal(ran.code, code, ran.err);
    assert.match(ran.err, says);
    assert.doesNotMatch(ran.err, /\n\s+at .*\.[tj]s|This is a bug/);
  });
}
