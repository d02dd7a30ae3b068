import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { signerFromSeeds } from '../adapters/signer-file.ts';
import { InvalidConfigError } from '../errors.ts';
import { isQuorum } from '../tlog/policy.ts';
import { formatVerifierKey, keyIdOf, TYPE_ED25519 } from '../tlog/vkey.ts';
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

test('regions of one weight are a plain group that any C2SP tool reads, without the observers; anything else is weights', () => {
  const quorumOf = (weights: readonly number[], threshold: number): string =>
    clusterWith(['a', 'b', 'c'].slice(0, weights.length), weights, threshold)
      .policyText.split('\n')
      .filter((line) => /^(?:group|weight|quorum)/.test(line))
      .join(' | ');
  assert.equal(quorumOf([1, 1, 1], 2), 'group regions 2 a b c | quorum regions');
  assert.equal(quorumOf([1, 1, 1], 3), 'group regions 3 a b c | quorum regions');
  assert.equal(quorumOf([2, 2, 2], 3), 'group regions 2 a b c | quorum regions');
  assert.equal(quorumOf([1, 1, 0], 2), 'group regions 2 a b | quorum regions');
  assert.equal(quorumOf([1, 1, 2], 3), 'weight a 1 | weight b 1 | weight c 2 | quorum weight 3');
  assert.equal(quorumOf([1, 1, 1], 4), 'weight a 1 | weight b 1 | weight c 1 | quorum weight 4');
});

const [HERE, THERE] = ['here', 'there'].map((region, n) =>
  signerFromSeeds({ cluster: 'c.example.com', region }, { log: Buffer.alloc(32, 2 * n + 1), mirror: Buffer.alloc(32, 2 * n + 2) }),
);

/** The paths of what is wrong with a remote's keys, or the regions that sign. */
function keysOf(publicKey: string | undefined, logKey: string | undefined): readonly string[] {
  assert.ok(HERE !== undefined);
  const regions = [{ regionId: 'there', weight: 1, publicKey, logKey }];
  try {
    return [...clusterOf({ cluster: 'c.example.com', region: 'here', weight: 1, quorumThreshold: 1, regions }, HERE).remotes.keys()];
  } catch (error) {
    assert.ok(error instanceof InvalidConfigError);
    return error.issues.map(({ path }) => path);
  }
}

test('a remote has both keys or speaks the plain protocol; a key that is not its own, of its kind and of nobody else is a mistake that is named', () => {
  assert.ok(HERE !== undefined && THERE !== undefined);
  const [mirror, log] = [formatVerifierKey(THERE.mirrorKey), formatVerifierKey(THERE.logKey)];
  assert.deepEqual([keysOf(mirror, log), keysOf(mirror, undefined), keysOf(undefined, log)], [['there'], [], []]);
  const [wrongMirror, wrongLog] = [['remotes.there.publicKey'], ['remotes.there.logKey']];
  // Of the right name, and of the other kind.
  const { name, publicKey } = THERE.mirrorKey;
  const odd = formatVerifierKey({ name, publicKey, type: TYPE_ED25519, keyId: keyIdOf(name, TYPE_ED25519, publicKey) });
  assert.deepEqual(keysOf(odd, log), wrongMirror);
  assert.deepEqual([keysOf('none', log), keysOf(mirror, 'none'), keysOf('none', 'none')], [wrongMirror, wrongLog, [...wrongMirror, ...wrongLog]]);
  assert.deepEqual([keysOf(log, log), keysOf(mirror, mirror)], [wrongMirror, wrongLog]);
  assert.deepEqual([keysOf(formatVerifierKey(HERE.mirrorKey), log), keysOf(mirror, formatVerifierKey(HERE.logKey))], [wrongMirror, wrongLog]);
  for (const name of ['d.example.com/there/log/1', 'c.example.com/there/more/log/1'])
    assert.deepEqual(keysOf(mirror, formatVerifierKey({ ...THERE.logKey, name, keyId: keyIdOf(name, TYPE_ED25519, THERE.logKey.publicKey) })), wrongLog, name);
  const shared = signerFromSeeds({ cluster: 'c.example.com', region: 'there' }, { log: Buffer.alloc(32, 3), mirror: Buffer.alloc(32, 2) });
  assert.deepEqual(keysOf(formatVerifierKey(shared.mirrorKey), log), ['remotes.there']);
});
