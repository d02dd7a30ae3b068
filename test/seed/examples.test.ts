import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Regions } from '../regions.ts';

const FOLDER = fileURLToPath(new URL('../../examples/', import.meta.url));
/** Nobody listens there: a connection is refused at once. */
const DEAD = 'http://127.0.0.1:9';

/** Runs an example as its own process, beside two real regions, or beside dead ones. */
async function run(name: string, dead: { readonly west?: true; readonly eu?: true } = {}): Promise<{ readonly out: string; readonly err: string }> {
  await using regions = await Regions.make();
  const [west, eu] = [await regions.receiving('us-west-1'), await regions.receiving('eu-west-1')];
  const WEST = dead.west === true ? DEAD : west.url;
  const EU = dead.eu === true ? DEAD : eu.url;
  const sidecar = {
    KGC_SIDECAR_REGION: 'us-east-1',
    KGC_SIDECAR_CROSS_REGION_SYNC_ENABLED: 'true',
    KGC_SIDECAR_RECEIPT_SYNC_ENDPOINTS: `${WEST}, ,${EU}`,
    KGC_SIDECAR_QUORUM_THRESHOLD: '2',
  };
  const env = { ...process.env, ...sidecar, WEST, EU, DATA: join(regions.folder, 'us-east-1') };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-C', 'source', join(FOLDER, `${name}.ts`)], {
    cwd: regions.folder,
    env,
    timeout: 60_000,
  });
  return { out: stdout.trim(), err: stderr.trim() };
}

const expected: Readonly<Record<string, { readonly out: RegExp; readonly err?: RegExp; readonly dead?: { readonly west?: true; readonly eu?: true } }>> = {
  'create-manager': { out: /^open: us-east-1$/ },
  'from-legacy-config': { out: /^regions: 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+$/ },
  'sync-a-receipt': { out: /^quorum: true, synced: 3\/3, errors: 0$/ },
  'verify-consensus': { out: /^Receipt consensus reached across regions$/ },
  'region-status': { out: /^us-west-1: available=true, failures=0, last_sync=\d{10}\neu-west-1: available=true, failures=0, last_sync=\d{10}$/ },
  'health-overview': { out: /^Regions: 2\/2 available\nQuorum: OK$/ },
  'configuration-patterns': { out: /^regions: 2, threshold: 2 of 3, timeout: 30000, weight: 2$/ },
  'check-quorum': { out: /^Safe to proceed$/, err: /^Region us-west-1 failed: Max retries exhausted: Network error: ECONNREFUSED$/, dead: { west: true } },
  'region-failures': { out: /^$/, err: /^Unavailable regions: us-west-1$/, dead: { west: true } },
  'initialize-on-startup': { out: /^Multi-region receipt sync ready$/ },
  'health-check': { out: /^healthy: 2\/2, quorum true\nunknown is degraded$/ },
  'graceful-degradation': { out: /^Partial quorum: 2 regions$/, dead: { eu: true } },
  tuning: { out: /reached by the local region alone.*; 500 ms; 5 retries from 2000 ms$/ },
  'monitor-performance': { out: /^Sync took [\d.]+ ms, quorum=true$/ },
};

for (const [name, { out, err, dead }] of Object.entries(expected)) {
  test(`examples/${name}.ts does what its snippet of the source says`, async () => {
    const result = await run(name, dead);
    assert.match(result.out, out);
    assert.match(result.err, err ?? /^$/);
  });
}

test('graceful degradation ends in an error where no other region has the receipt', async () => {
  const { err } = await run('graceful-degradation', { west: true, eu: true });
  assert.match(err, /^No regions synced successfully/);
});

test('every example has its test', async () => {
  const names = (await readdir(FOLDER)).map((file) => file.replace(/\.ts$/, ''));
  // The commit gates are servers: test/outbox/examples.test.ts speaks to them.
  assert.deepEqual(names.sort(), [...Object.keys(expected), 'express-commit-gate', 'fastify-commit-gate'].sort());
});
