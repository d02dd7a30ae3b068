import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { signerFromSeeds } from '../adapters/signer-file.ts';
import { type Changes, OWN_LOG } from '../log/changes.ts';
import { emptyHead } from '../log/heads.ts';
import { keptBefore } from '../quorum/certified.ts';
import { clusterOf } from '../quorum/cluster.ts';
import { append, EMPTY_EDGE } from '../tlog/edge.ts';
import { formatVerifierKey } from '../tlog/vkey.ts';
import { Checkpoints } from './checkpoints.ts';
import { OwnConflicts } from './own-conflicts.ts';

function signerOf(region: string, seed: number) {
  return signerFromSeeds({ cluster: 'c.example.com', region }, { log: new Uint8Array(32).fill(seed), mirror: new Uint8Array(32).fill(seed + 1) });
}

test('a text that is kept for ever is written until it is durable, and again with each signature that it gains', async () => {
  const [own, west, east] = [signerOf('a', 1), signerOf('west', 3), signerOf('east', 5)];
  const regions = [west, east].map(({ mirrorKey, logKey }, n) => ({
    regionId: n === 0 ? 'west' : 'east',
    weight: 1,
    publicKey: formatVerifierKey(mirrorKey),
    logKey: formatVerifierKey(logKey),
  }));
  const cluster = clusterOf({ region: 'a', weight: 1, quorumThreshold: 2, cluster: 'c.example.com', regions }, own);
  const clock = new VirtualClock();
  const checkpoints = new Checkpoints({ cluster, signer: own, clock, refusedLinesMax: 64, onCertified: () => undefined }, emptyHead(OWN_LOG), {
    refused: [],
    joined: [],
    certified: undefined,
    kept: [],
  });
  const written: (readonly number[])[] = [];
  let isFull = true;
  const conflicts = new OwnConflicts({
    policy: cluster.policy,
    checkpoints,
    committer: {
      ownSize: 1,
      submit: () => assert.fail('nothing is appended again'),
      record: async ({ kept = [] }: Partial<Changes>) => {
        written.push(kept.map(({ slot }) => slot));
        return !isFull;
      },
    },
    store: { entries: async () => [] },
    clock,
    rotten: { tell: () => undefined },
    observe: () => undefined,
    alarms: { raise: async () => undefined },
    isForgotten: () => false,
    onNews: () => undefined,
    onBetween: () => undefined,
    onMoved: () => undefined,
  });
  const text = checkpoints.grown({ ...emptyHead(OWN_LOG), size: 1, edge: append(EMPTY_EDGE, new Uint8Array(32)).edge });
  checkpoints.cosignNewest();
  checkpoints.cosigned(text, 'west', west.cosign(text.text, 1));
  const naming = checkpoints.refusals.with(
    ['west', 'east'].map((region) => ({ region, first: 0, last: 0 })),
    () => false,
  );
  checkpoints.refuse(naming, keptBefore(cluster.policy, checkpoints.proving, naming.lines));
  assert.deepEqual(checkpoints.proving.kept, [text]);
  const ticks = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      conflicts.tick();
      await clock.advance(1);
    }
  };
  await ticks(2);
  assert.deepEqual(written, [[1], [1]]);
  isFull = false;
  await ticks(3);
  assert.deepEqual(written, [[1], [1], [1]]);
  checkpoints.cosigned(text, 'east', east.cosign(text.text, 1));
  await ticks(2);
  assert.deepEqual(written, [[1], [1], [1], [1]]);
  conflicts.stop();
});
