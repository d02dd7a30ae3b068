import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InvalidConfigError } from '../errors.ts';
import { durationMs, formatDuration } from '../std/duration.ts';
import { type Circuit, CLOSED_CIRCUIT, nextCircuit } from './circuit.ts';
import { MultiRegionConfig } from './multi-region-config.ts';
import { legacyRegionIds } from './region-config.ts';
import { RemoteRegion } from './remote-region.ts';
import { SidecarConfig } from './sidecar-config.ts';

const WEST = new RemoteRegion('us-west-1', 'http://west.example.com');

function messages(config: MultiRegionConfig): readonly string[] {
  return config.issues().map(({ message }) => message);
}

test('builders are immutable and their order does not matter', () => {
  const base = new MultiRegionConfig('us-east-1');
  const one = base.withQuorumThreshold(2).addRegion(WEST).withCrossRegionSync(true).withDataDir('d').withWaitTimeout('1s');
  const other = base.withWaitTimeout(1_000).withDataDir('d').withCrossRegionSync(true).addRegion(WEST).withQuorumThreshold(2);
  assert.deepEqual({ ...one }, { ...other });
  assert.deepEqual([base.regions.length, base.quorumThreshold, Object.isFrozen(base)], [0, 1, true]);
  assert.deepEqual(
    {
      ...MultiRegionConfig.from({
        region: 'us-east-1',
        quorumThreshold: 2,
        crossRegionSyncEnabled: true,
        dataDir: 'd',
        waitTimeout: '1s',
        regions: [{ regionId: 'us-west-1', endpoint: 'http://west.example.com' }],
      }),
    },
    { ...one },
  );
  assert.throws(() => MultiRegionConfig.from({ region: 'a', ...{ quorumTreshold: 2 } }), InvalidConfigError);
});

test('all that is wrong is said at once', () => {
  const config = new MultiRegionConfig('here')
    .addRegion(new RemoteRegion('here', 'ftp://x'))
    .addRegion(WEST)
    .addRegion(new RemoteRegion('us-west-1', 'http://u:p@x').withTimeout('-5s').withWeight(-1))
    .withCrossRegionSync(true)
    .withMaxRetries(0);
  const all = messages(config).join('\n');
  for (const text of [
    'Region ID here is the local region',
    'Duplicate region ID us-west-1',
    'no http(s) URL for region here',
    'no http(s) URL for region us-west-1',
    'Timeout is no duration',
    'Weight must be an integer',
    'Max retries must be at least 1',
  ])
    assert.ok(all.includes(text), text);
  assert.deepEqual(messages(new MultiRegionConfig('')), ['Region identifier cannot be empty']);
  const mirrored = new MultiRegionConfig('a').withCrossRegionSync(true);
  assert.match(messages(mirrored.addRegion(WEST.withPublicKey('k'))).join(), /takes a key file of our own.*only one of publicKey and logKey/);
  assert.match(messages(mirrored.addRegion(WEST.withPublicKey('k').withLogKey('l'))).join(), /takes a key file of our own/);
  assert.match(messages(mirrored.addRegion(WEST).withKeyFile('k.json')).join(), /needs the name of its cluster/);
  assert.deepEqual(messages(mirrored.addRegion(WEST.withPublicKey('k').withLogKey('l')).withKeyFile('k.json').withCluster('d')), []);
});

test('thresholds that can not exclude two contents are warned of, or refused where that is wanted', () => {
  const config = new MultiRegionConfig('a')
    .addRegion(new RemoteRegion('us-west-1', 'https://west.example.com'))
    .addRegion(new RemoteRegion('b', 'https://b'))
    .addRegion(new RemoteRegion('c', 'http://127.0.0.1:7481'))
    .withCrossRegionSync(true);
  assert.match(config.withQuorumThreshold(1).warnings()[0] ?? '', /local region alone/);
  assert.match(config.withQuorumThreshold(2).warnings()[0] ?? '', /two contents under one id/);
  assert.deepEqual(config.withQuorumThreshold(3).warnings(), []);
  assert.deepEqual(messages(config.withQuorumThreshold(3).withExclusive(true)), []);
  assert.match(messages(config.withQuorumThreshold(2).withExclusive(true))[0] ?? '', /exclusive forbids/);
});

test('http to another machine is warned of, by region', () => {
  const config = new MultiRegionConfig('a').addRegion(WEST).addRegion(new RemoteRegion('b', 'http://[::1]:1')).withCrossRegionSync(true).withQuorumThreshold(2);
  assert.deepEqual(
    config.warnings().map((text) => /^Endpoint of region us-west-1 is http beyond loopback/.test(text)),
    [true],
  );
});

test('legacy endpoints get names that never collide', () => {
  assert.deepEqual(legacyRegionIds('here', ['http://replica-west.example.com', 'http://10.0.0.1:7481', 'http://single', 'https://[::1]:8443']), [
    'replica-west',
    '10.0.0.1:7481',
    'single:80',
    '[::1]:8443',
  ]);
  assert.deepEqual(legacyRegionIds('here', ['http://a.x.com', 'http://a.y.com:81', 'http://a.y.com:81']), ['a.x.com:80', 'a.y.com:81', 'a.y.com:81-2']);
  assert.deepEqual(legacyRegionIds('a', ['http://a.x.com']), ['a.x.com:80']);
});

test("the sidecar's variables name themselves when they are wrong", () => {
  const env = { KGC_SIDECAR_CROSS_REGION_SYNC_ENABLED: 'yes', KGC_SIDECAR_QUORUM_THRESHOLD: '1.5' };
  assert.throws(() => SidecarConfig.fromEnv(env), /CROSS_REGION_SYNC_ENABLED must be true or false; KGC_SIDECAR_QUORUM_THRESHOLD must be a whole number/);
  assert.throws(() => SidecarConfig.fromEnv({ KGC_SIDECAR_CROSS_REGION_SYNC_ENABLED: 'true' }), /KGC_SIDECAR_REGION must name the region/);
  assert.equal(SidecarConfig.fromEnv({ KGC_SIDECAR_REGION: 'a' }).toMultiRegionConfig().crossRegionSyncEnabled, false);
});

test('durations are whole ms, or digits and a unit', () => {
  assert.deepEqual(['500ms', '30s', '5m', '2h', '7d', 250].map(durationMs), [500, 30_000, 300_000, 7_200_000, 604_800_000, 250]);
  for (const wrong of ['-5s', '1.5s', '', 's', '5', '5 s', '5S', -1, 1.5, Number.NaN, '99999999999999999d', null])
    assert.equal(durationMs(wrong), undefined, String(wrong));
  assert.deepEqual([500, 30_000, 90_000, 1_500].map(formatDuration), ['500ms', '30s', '90s', '1500ms']);
});

test('the circuit opens after three failed syncs in a row, and closes by one success', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('failed', 'reached', 'probe', 'probe-failed'), { maxLength: 40 }), (events) => {
      let circuit: Circuit = CLOSED_CIRCUIT;
      let inARow = 0;
      for (const event of events) {
        circuit = nextCircuit(circuit, event as 'failed');
        if (event === 'failed') inARow += 1;
        if (event === 'reached') inARow = 0;
        assert.equal(circuit.failures, inARow);
        assert.equal(circuit.kind, inARow >= 3 ? 'open' : 'closed');
      }
    }),
  );
});
