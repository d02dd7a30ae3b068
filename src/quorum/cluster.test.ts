import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { signerFromSeeds } from '../adapters/signer-file.ts';
import { isQuorum } from '../tlog/policy.ts';
import { formatVerifierKey } from '../tlog/vkey.ts';
import { type Cluster, clusterOf } from './cluster.ts';

function clusterWith(ids: readonly string[], weights: readonly number[], quorumThreshold: number): Cluster {
  const signers = ids.map((region) => signerFromSeeds({ cluster: 'c.example.com', region }, { log: randomBytes(32), mirror: randomBytes(32) }));
  const regions = ids.slice(1).map((regionId, n) => ({
    regionId,
    weight: weights[n + 1] ?? 1,
    publicKey: formatVerifierKey(signers[n + 1]?.mirrorKey ?? assert.fail()),
    logKey: formatVerifierKey(signers[n + 1]?.logKey ?? assert.fail()),
  }));
  const [own] = signers;
  assert.ok(own !== undefined);
  return clusterOf({ cluster: 'c.example.com', region: ids[0] ?? '', weight: weights[0] ?? 1, quorumThreshold, regions }, own);
}

test('a region may be called what a policy calls other things', () => {
  for (const id of ['regions', 'regions-', 'weight', 'group', 'any', 'all', 'quorum', '2']) {
    const { policy } = clusterWith(
      [id, 'regions-', 'z'].filter((each, n, all) => all.indexOf(each) === n),
      [1, 1, 1],
      2,
    );
    assert.equal(isQuorum(policy.quorum, new Set([id, 'z'])), true, id);
    assert.equal(isQuorum(policy.quorum, new Set([id])), false, id);
  }
  const weighted = clusterWith(['weight', 'regions', 'z'], [2, 1, 0], 3).policy.quorum;
  assert.equal(isQuorum(weighted, new Set(['weight', 'regions'])), true);
  assert.equal(isQuorum(weighted, new Set(['weight', 'z'])), false);
});

test('a name that a policy can not give to a region is a mistake of the configuration, and is called one', () => {
  for (const id of ['none']) {
    assert.throws(() => clusterWith([id, 'z'], [1, 1], 1), { code: 'INVALID_CONFIG' });
    assert.throws(() => clusterWith(['z', id], [1, 1], 1), { code: 'INVALID_CONFIG' });
  }
});
