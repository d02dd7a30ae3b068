import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { signerFromSeeds } from '../../src/adapters/signer-file.ts';
import { checkForkEvidence, FORK_BYTES_MAX, FORK_CHECKS, FORK_TYPE, formatForkEvidence, parseForkEvidence } from '../../src/quorum/fork-evidence.ts';
import { toBase64 } from '../../src/std/bytes.ts';
import type { Note } from '../../src/tlog/note.ts';
import { verifyConsistency } from '../../src/tlog/proof.ts';
import { formatVerifierKey } from '../../src/tlog/vkey.ts';
import { verifyFork } from '../../src/verify.ts';
import { History } from '../lying-origin.ts';
import { receiptOf } from '../receipts.ts';

const SIGNER = signerFromSeeds({ cluster: 'test.example.com', region: 'liar' }, { log: Buffer.alloc(32, 1), mirror: Buffer.alloc(32, 2) });
const OTHER = signerFromSeeds({ cluster: 'test.example.com', region: 'other' }, { log: Buffer.alloc(32, 3), mirror: Buffer.alloc(32, 4) });
const VECTORS = new URL('../vectors/evidence/', import.meta.url);
const POLICY = `log ${formatVerifierKey(SIGNER.logKey)}\nlog ${formatVerifierKey(OTHER.logKey)}\nquorum none\n`;

function receipts(count: number, ticks = 1): ReturnType<typeof receiptOf>[] {
  return Array.from({ length: count }, (_, n) => receiptOf(n, { ticks }));
}

/** Evidence that `first`, of the smaller size, does not fit the history that `second` is of. */
async function evidence(first: Note, size: number, second: History): Promise<string> {
  const proof = size === second.size || size === 0 ? [] : await second.prover().prefix(size, second.size);
  return formatForkEvidence({ log: SIGNER.logKey, checkpoints: [first, second.checkpoint()], proof });
}

async function failed(text: string | Uint8Array, policy?: string): Promise<readonly string[]> {
  const { valid, checks } = await verifyFork(policy === undefined ? { evidence: text } : { evidence: text, policy });
  assert.deepEqual(
    checks.map(({ name }) => name),
    FORK_CHECKS,
  );
  assert.equal(
    valid,
    checks.every(({ ok }) => ok),
  );
  return checks.filter(({ ok }) => !ok).map(({ name }) => name);
}

test('two roots at one size, and a root that the larger tree never had, are proved for every pair of sizes; one history is never a fork', async () => {
  const long = new History(SIGNER, receipts(70));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), async (larger, a, b) => {
      const second = long.forkedAt(larger);
      const size = 1 + (a % larger);
      const fork = long.forkedAt(b % size, ...receipts(size - (b % size), 2));
      assert.deepEqual(await failed(await evidence(fork.checkpoint(), size, second), POLICY), []);
      // What honest code could be accused with: two sizes of one log, and the right proof between them.
      assert.deepEqual(await failed(await evidence(long.checkpoint(size), size, second), POLICY), ['roots']);
    }),
    { numRuns: 150 },
  );
});

test('a consistency proof that merely fails proves nothing: hashes that do not lead to the signed root are refused, whatever they are', async () => {
  const history = new History(SIGNER, receipts(13));
  for (const size of [1, 4, 5, 8, 12]) {
    const good = await history.prover().prefix(size, 13);
    const forge = (proof: readonly Uint8Array[]): string =>
      formatForkEvidence({ log: SIGNER.logKey, checkpoints: [history.checkpoint(size), history.checkpoint()], proof });
    const bad = [
      good.map((hash, n) => (n === 0 ? Buffer.alloc(32, 7) : hash)),
      good.toReversed(),
      good.slice(1),
      [...good, Buffer.alloc(32)],
      [],
      await history.prover().prefix(size === 1 ? 2 : size - 1, 13),
    ];
    for (const proof of bad) assert.ok((await failed(forge(proof))).length > 0, `size ${size}, ${proof.length} hashes`);
    const roots = { oldSize: size, newSize: 13, oldRoot: await history.prover().root(size), newRoot: await history.prover().root(13) };
    assert.equal(verifyConsistency({ ...roots, path: await history.prover().consistency(size, 13) }), true);
  }
});

test('each thing that is wrong is found by its own check', async () => {
  const history = new History(SIGNER, receipts(9));
  const fork = history.forkedAt(3, ...receipts(2, 2));
  const good = await evidence(fork.checkpoint(), 5, history);
  assert.deepEqual(await failed(good), []);
  const field = (name: string, value: unknown): string => JSON.stringify({ ...JSON.parse(good), [name]: value });
  const { checkpoints, proof } = JSON.parse(good);
  assert.deepEqual(await failed(Buffer.from([0xff])), FORK_CHECKS);
  assert.deepEqual(await failed('{'), FORK_CHECKS);
  assert.deepEqual(await failed(good.replace('/v1', '/v2')), FORK_CHECKS);
  assert.deepEqual(await failed(field('more', 1)), FORK_CHECKS);
  assert.deepEqual(
    await failed(
      field(
        'proof',
        proof.map(() => 7),
      ),
    ),
    FORK_CHECKS,
  );
  assert.deepEqual(await failed(field('checkpoints', [...checkpoints, checkpoints[0]])), FORK_CHECKS);
  assert.deepEqual(await failed(`${good.slice(0, -2)},"type":"receipt-sync/fork/v1"}`), FORK_CHECKS);
  const unsigned = (text: string): string => text.replace(/(— \S+ \S{20})(\S)/, (_, before: string, letter: string) => before + (letter === 'A' ? 'B' : 'A'));
  assert.deepEqual(await failed(field('checkpoints', [unsigned(checkpoints[0]), checkpoints[1]])), ['first', 'sizes', 'proof', 'roots']);
  assert.deepEqual(await failed(field('checkpoints', [checkpoints[0], unsigned(checkpoints[1])])), ['second', 'sizes', 'proof', 'roots']);
  assert.deepEqual(await failed(field('checkpoints', [checkpoints[0].replace('\n5\n', '\n6\n'), checkpoints[1]])), ['first', 'sizes', 'proof', 'roots']);
  assert.deepEqual(await failed(field('checkpoints', checkpoints.toReversed())), ['sizes', 'proof', 'roots']);
  assert.deepEqual(await failed(field('proof', proof.slice(1))), ['proof', 'roots']);
  assert.deepEqual(await failed(field('checkpoints', [checkpoints[1], checkpoints[1]])), ['proof', 'roots']);
  assert.deepEqual(await failed(field('log', formatVerifierKey(OTHER.logKey))), ['first', 'second', 'sizes', 'proof', 'roots']);
});

test('what is too long, is not of its kind or is missing is no evidence, and a check that was not looked at says so', async () => {
  const history = new History(SIGNER, receipts(3));
  const fork = history.forkedAt(2, ...receipts(1, 2));
  const good = await evidence(fork.checkpoint(), 3, history);
  const detailOf = (text: string, check: string): string => checkForkEvidence(text).checks.find(({ name }) => name === check)?.detail ?? '';
  const field = (name: string, value: unknown): string => JSON.stringify({ ...JSON.parse(good), [name]: value });
  const hash = toBase64(Buffer.alloc(32));
  const wrong: readonly (readonly [string, RegExp])[] = [
    [good + ' '.repeat(300 * 1024), /at most/],
    ['[]', /no JSON object/],
    ['{"', /no JSON object/],
    [field('checkpoints', [JSON.parse(good).checkpoints[0]]), /not two checkpoints/],
    [field('checkpoints', []), /not two checkpoints/],
    [field('checkpoints', 7), /no list of checkpoints/],
    [
      field(
        'proof',
        Array.from({ length: 65 }, () => hash),
      ),
      /longer than any tree/,
    ],
    [field('proof', {}), /no list of proof/],
    [field('proof', [7]), /proof that is no text/],
    [field('log', 7), /log that is no text/],
  ];
  for (const [text, problem] of wrong) {
    assert.deepEqual(await failed(text), FORK_CHECKS);
    assert.match(detailOf(text, 'form'), problem);
    assert.equal(detailOf(text, 'roots'), 'not looked at: a step before it failed');
  }
  assert.equal(detailOf(good, 'sizes'), 'both 3');
  assert.equal(detailOf(await evidence(history.forkedAt(1, ...receipts(1, 2)).checkpoint(), 2, history), 'sizes'), '2 before 3');
  const swapped = await evidence(fork.checkpoint(), 3, history.forkedAt(3, ...receipts(2)));
  const reversed = JSON.stringify({ ...JSON.parse(swapped), checkpoints: JSON.parse(swapped).checkpoints.toReversed() });
  assert.deepEqual(
    [detailOf(reversed, 'proof'), detailOf(reversed, 'roots')],
    Array.from({ length: 2 }, () => 'not looked at: a step before it failed'),
  );
  const { checkpoints, proof } = JSON.parse(good);
  const unsigned = checkpoints.map((note: string) => `${note.slice(0, note.indexOf('\n\n'))}\n\n— stranger.example.com AAAAAAAA\n`);
  assert.match(detailOf(field('checkpoints', unsigned), 'first'), /without a signature of the log/);
  const stranger = JSON.stringify({ ...JSON.parse(good), log: formatVerifierKey(OTHER.logKey) });
  assert.match(detailOf(stranger, 'first'), /has a checkpoint of/);
  assert.match(checkForkEvidence(good, `log ${formatVerifierKey(OTHER.logKey)}\nquorum none\n`).checks[1]?.detail ?? '', /does not know/);
  assert.deepEqual(proof, []);
  const one = await evidence(history.forkedAt(0, ...receipts(1, 2)).checkpoint(), 1, history);
  assert.match(detailOf(JSON.stringify({ ...JSON.parse(one), proof: [] }), 'proof'), /not the length of its sizes/);
});

test('evidence as long as it may be is read, as text and as bytes; what failed is told in its own words, and what rests on it was not looked at', async () => {
  const history = new History(SIGNER, receipts(9));
  const good = await evidence(history.forkedAt(3, ...receipts(2, 2)).checkpoint(), 5, history);
  const longest = good + ' '.repeat(FORK_BYTES_MAX - good.length);
  for (const text of [longest, Buffer.from(longest), Buffer.from(good)]) assert.deepEqual(await failed(text, POLICY), []);
  assert.deepEqual(await failed(`${longest} `, POLICY), FORK_CHECKS);
  const details = (text: string): ReadonlyMap<string, string> => new Map(checkForkEvidence(text).checks.map(({ name, detail }) => [name, detail]));
  const { checkpoints } = JSON.parse(good);
  const hashes = Array.from({ length: 54 }, () => toBase64(Buffer.alloc(32)));
  const highest = details(JSON.stringify({ ...JSON.parse(good), proof: hashes }));
  assert.deepEqual([highest.get('form'), highest.get('sizes')], [FORK_TYPE, '5 before 9']);
  const none = details('[]');
  assert.deepEqual([none.get('form'), none.get('key')], ['evidence is no JSON object', 'not looked at: a step before it failed']);
  const half = details(JSON.stringify({ ...JSON.parse(good), checkpoints: [checkpoints[0].replace('\n5\n', '\n6\n'), checkpoints[1]] }));
  assert.equal(half.get('sizes'), 'not looked at: a step before it failed');
});

test('only lines of the log’s key are written: none of its name alone, none of its key under another name', async () => {
  const history = new History(SIGNER, receipts(4));
  const note = history.forkedAt(0, ...receipts(4, 2)).checkpoint();
  const [line] = note.signatures;
  assert.ok(line);
  const others = [
    { ...line, keyId: line.keyId ^ 1 },
    { ...line, name: 'stranger.example.com' },
  ];
  const noted = { ...note, signatures: [...others, ...note.signatures] };
  assert.equal(await evidence(noted, 4, history), await evidence(note, 4, history));
});

test('with a policy the key must be that of a log there, by name and by bytes', async () => {
  const history = new History(SIGNER, receipts(4));
  const good = await evidence(history.forkedAt(0, ...receipts(4, 2)).checkpoint(), 4, history);
  assert.deepEqual(await failed(good, POLICY), []);
  assert.deepEqual(await failed(good, `log ${formatVerifierKey(OTHER.logKey)}\nquorum none\n`), ['key']);
  const renewed = signerFromSeeds({ cluster: 'test.example.com', region: 'liar' }, { log: Buffer.alloc(32, 9), mirror: Buffer.alloc(32, 8) });
  assert.deepEqual(await failed(good, `log ${formatVerifierKey(renewed.logKey)}\nquorum none\n`), ['key']);
  assert.deepEqual(await failed(good, 'nonsense\n'), ['key']);
  assert.deepEqual(await failed(JSON.stringify({ ...JSON.parse(good), log: formatVerifierKey(SIGNER.mirrorKey) })), [
    'key',
    'first',
    'second',
    'sizes',
    'proof',
    'roots',
  ]);
});

test('a text that names refusals is of the same log: the same root with and without them is no fork, another root is one', async () => {
  const history = new History(SIGNER, receipts(6));
  const named = history.checkpoint(6, [{ region: 'west', first: 2, last: 3 }]);
  assert.deepEqual(await failed(formatForkEvidence({ log: SIGNER.logKey, checkpoints: [named, history.checkpoint()], proof: [] })), ['roots']);
  const fork = history.forkedAt(5, ...receipts(1, 2));
  assert.deepEqual(await failed(formatForkEvidence({ log: SIGNER.logKey, checkpoints: [named, fork.checkpoint()], proof: [] })), []);
});

test('an empty log has one root', async () => {
  const text = `${SIGNER.logKey.name}\n0\n${toBase64(Buffer.alloc(32, 7))}\n`;
  const odd = { text, signatures: [SIGNER.sign(text, SIGNER.logKey.name)] };
  const history = new History(SIGNER, receipts(3));
  assert.deepEqual(await failed(formatForkEvidence({ log: SIGNER.logKey, checkpoints: [odd, history.checkpoint()], proof: [] })), []);
  assert.deepEqual(await failed(formatForkEvidence({ log: SIGNER.logKey, checkpoints: [history.checkpoint(0), history.checkpoint()], proof: [] })), ['roots']);
});

test('the vectors are these bytes, and read as they are written', async () => {
  const history = new History(SIGNER, receipts(13));
  const vectors = {
    'fork-equal-sizes.json': await evidence(history.forkedAt(12, ...receipts(1, 2)).checkpoint(), 13, history),
    'fork-8-of-13.json': await evidence(history.forkedAt(7, ...receipts(1, 2)).checkpoint(), 8, history),
    'no-fork-5-of-13.json': await evidence(history.checkpoint(5), 5, history),
    policy: POLICY,
  };
  for (const [name, text] of Object.entries(vectors)) {
    if (process.env['WRITE_VECTORS'] === '1') writeFileSync(new URL(name, VECTORS), text);
    assert.equal(readFileSync(new URL(name, VECTORS), 'utf8'), text, name);
    if (name === 'policy') continue;
    assert.equal(formatForkEvidence(parseForkEvidence(text)), text);
    assert.equal(checkForkEvidence(text, POLICY).valid, name.startsWith('fork'));
  }
});
