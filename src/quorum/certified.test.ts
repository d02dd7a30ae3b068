import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RefusedRange } from '../log/log-text.ts';
import { withRefused } from '../log/refused-lines.ts';
import type { Policy } from '../tlog/policy.ts';
import { allTexts, areSame, type CertifiedTexts, keptBefore, OLDER_MAX, textFor, withCertified } from './certified.ts';
import { canReach, certifiesEntry, certifiesMore, isCertified, isInReach, isLastToCertify, outOfReach, type SignedText } from './endorsement.ts';

const REGIONS = ['a', 'b', 'c', 'd'];
const SIZE = 24;

function policyOf(threshold: number): Policy {
  const quorum = { kind: 'weight' as const, threshold, weights: new Map(REGIONS.map((region) => [region, 1])) };
  // Nothing is verified here: only the names matter.
  const key = { name: '', keyId: 0, type: 4 as const, publicKey: new Uint8Array(32), verify: () => false };
  return { logs: [], witnesses: new Map(REGIONS.map((region) => [region, key])), quorum };
}

const lines = fc
  .array(fc.record({ region: fc.constantFrom(...REGIONS), first: fc.nat(SIZE - 4), length: fc.nat(3) }), { maxLength: 8 })
  .map((some) => some.reduce<readonly RefusedRange[]>((all, { region, first, length }) => withRefused(all, { region, first, last: first + length }), []));
const text = fc.record({ size: fc.integer({ min: 1, max: SIZE }), refused: lines, signers: fc.subarray(REGIONS).map((some) => new Set(some)) });
const threshold = fc.integer({ min: 1, max: 4 });
const all = Array.from({ length: SIZE }, (_, index) => index);

test('what texts certify, and what is out of reach, is the same by ranges as entry by entry', () => {
  fc.assert(
    fc.property(threshold, text, text, lines, fc.array(text, { maxLength: 3 }), (needed, one, other, named, more) => {
      const policy = policyOf(needed);
      const certified = (each: SignedText): readonly number[] => all.filter((index) => certifiesEntry(policy, each, index));
      const near = other.signers.size < needed ? [] : [other];
      const isMore = certified(one).some((index) => ![...near, ...more].some((each) => certifiesEntry(policy, each, index)));
      assert.equal(certifiesMore(policy, one, { near, far: more }), isMore);
      const isLast = certified(one).some((index) => !isInReach(policy, named, index) && !more.some((each) => certifiesEntry(policy, each, index)));
      assert.equal(isLastToCertify(policy, one, { lines: named, others: more }), named.length > 0 && isLast);
      const span = { from: Math.min(one.size, other.size), to: Math.max(one.size, other.size) };
      const within = all.slice(span.from, span.to);
      const isWhole = within.every((index) => more.some((each) => certifiesEntry(policy, each, index)));
      assert.equal(isCertified(policy, span, more), isWhole);
    }),
    { numRuns: 300 },
  );
});

test('receipts to append again are those that only joined lines keep from a quorum, and that no text certifies', () => {
  fc.assert(
    fc.property(threshold, lines, fc.array(text, { maxLength: 3 }), fc.nat(SIZE), fc.nat(SIZE), (needed, refused, texts, one, two) => {
      const policy = policyOf(needed);
      const refuses = (region: string, index: number): boolean =>
        refused.some((range) => range.region === region && range.first <= index && index <= range.last);
      // Everything from the first to the last refused entry of a region, as where there is but one line.
      const joined = REGIONS.flatMap((region) => {
        const own = refused.filter((range) => range.region === region);
        return own.length === 0 ? [] : [{ region, first: own[0]?.first ?? 0, last: own.at(-1)?.last ?? 0 }];
      });
      const [from, to] = [Math.min(one, two), Math.max(one, two)];
      const found = outOfReach(policy, { from, to }, { lines: joined, refused, refuses, texts });
      const expected = all.filter(
        (index) =>
          index >= from &&
          index < to &&
          !isInReach(policy, joined, index) &&
          canReach(policy, (region) => refuses(region, index)) &&
          !texts.some((each) => certifiesEntry(policy, each, index)),
      );
      assert.deepEqual(
        found.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, n) => first + n)),
        expected,
      );
    }),
    { numRuns: 300 },
  );
});

type Texts = CertifiedTexts<SignedText>;

/** A log whose refusals are one line a region, and a mirror that is told of it. */
class History {
  readonly policy: Policy;
  own: Texts = { newest: undefined, older: [], kept: [] };
  mirror: Texts = { newest: undefined, older: [], kept: [] };
  lines: readonly RefusedRange[] = [];
  size = 0;
  readonly #told = new Set<SignedText>();

  constructor(policy: Policy) {
    this.policy = policy;
  }

  /** The newest entry is refused: joined with all before it. */
  refuse(region: string): void {
    const last = this.size - 1;
    const first = this.lines.find((line) => line.region === region)?.first ?? last;
    const others = this.lines.filter((line) => line.region !== region);
    this.lines = withRefused(others, { region, first, last });
    this.own = { ...this.own, kept: keptBefore(this.policy, this.own, this.lines) };
  }

  certified(signers: ReadonlySet<string>): void {
    this.own = withCertified(this.policy, this.own, { size: this.size, refused: this.lines, signers });
  }

  tell(): void {
    for (const each of [this.own.newest, ...this.own.kept]) {
      if (each === undefined || this.#told.has(each)) continue;
      this.#told.add(each);
      this.mirror = withCertified(this.policy, this.mirror, each);
    }
  }

  /** Entries that nothing can certify any more, and that are proved all the same. */
  proved(texts: Texts): ReadonlySet<number> {
    const indexes = Array.from({ length: this.size }, (_, index) => index);
    return new Set(indexes.filter((index) => !isInReach(this.policy, this.lines, index) && textFor(this.policy, texts, index) !== undefined));
  }
}

const SILENT = { grow: 0, refuses: undefined, signers: [], tells: false };
const LOST_ONCE: [number, { grow: number; refuses: string | undefined; signers: string[]; tells: boolean }[]] = [
  2,
  [
    { ...SILENT, grow: 1, signers: ['a', 'd'] },
    { ...SILENT, refuses: 'd' },
    { ...SILENT, signers: ['c', 'd'] },
    { ...SILENT, tells: true },
    { ...SILENT, signers: ['a', 'b'], tells: true },
    { ...SILENT, refuses: 'b', signers: ['b', 'd'] },
    { ...SILENT, refuses: 'a', tells: true },
  ],
];

test('what was certified before lines put it out of reach stays provable, whatever comes later, here and in a mirror that is told', () => {
  const step = fc.record({
    grow: fc.nat(4),
    refuses: fc.option(fc.constantFrom(...REGIONS), { nil: undefined }),
    signers: fc.subarray(REGIONS),
    tells: fc.boolean(),
  });
  let proved = 0;
  fc.assert(
    fc.property(threshold, fc.array(step, { maxLength: 14 }), (needed, steps) => {
      const history = new History(policyOf(needed));
      let before: ReadonlySet<number> = new Set();
      for (const { grow, refuses, signers, tells } of steps) {
        history.size += grow;
        const provable = new Set(Array.from({ length: history.size }, (_, index) => index).filter((index) => textFor(history.policy, history.own, index)));
        if (refuses !== undefined && history.size > 0) history.refuse(refuses);
        // What was provable a moment ago and can't be certified any more must still be.
        const kept = history.proved(history.own);
        assert.deepEqual(
          [...provable].filter((index) => !isInReach(history.policy, history.lines, index) && !kept.has(index)),
          [],
        );
        if (signers.length >= needed) history.certified(new Set(signers));
        // The mirror may be away, and is told of the newest then, and of what is kept.
        if (tells) history.tell();
        const now = history.proved(history.own);
        assert.deepEqual(
          [...before].filter((index) => !now.has(index)),
          [],
        );
        const there = history.proved(history.mirror);
        assert.deepEqual(
          [...now].filter((index) => tells && !there.has(index)),
          [],
        );
        before = now;
        proved += now.size;
      }
    }),
    // The first is one that chance found once in some thirty runs of 2,000: two texts with the same lines, and not the same signers.
    { numRuns: Number(process.env['RUNS'] ?? 2_000), examples: [LOST_ONCE] },
  );
  assert.ok(proved > 100, 'texts were kept');
});

/** After a text that came no more is held than it takes. */
function isLean({ policy, own: { newest, older, kept }, lines: named }: History): boolean {
  if (named.length === 0) return older.length === 0 && kept.length === 0;
  const isHeld = (index: number, texts: readonly (SignedText | undefined)[]): boolean =>
    texts.some((each) => each !== undefined && certifiesEntry(policy, each, index));
  const isNeeded = (each: SignedText, n: number): boolean =>
    each !== newest &&
    Array.from({ length: each.size }, (_, index) => index).some((index) => isHeld(index, [each]) && !isHeld(index, [newest, ...older.slice(n + 1), ...kept]));
  return older.every(isNeeded);
}

test('what a text has certified stays provable, whatever comes: later texts, more signatures, texts that come late', () => {
  const step = fc.record({
    grow: fc.nat(4),
    refuses: fc.option(fc.constantFrom(...REGIONS), { nil: undefined }),
    signers: fc.subarray(REGIONS, { minLength: 1 }),
    /** How many texts before the newest it is that they sign. */
    late: fc.constantFrom(0, 0, 1, 2),
  });
  fc.assert(
    fc.property(threshold, fc.array(step, { maxLength: 14 }), (needed, steps) => {
      const history = new History(policyOf(needed));
      const texts: { readonly size: number; readonly refused: readonly RefusedRange[]; readonly signers: Set<string> }[] = [];
      let before: readonly number[] = [];
      for (const { grow, refuses, signers, late } of steps) {
        history.size += grow;
        if (refuses !== undefined && history.size > 0) history.refuse(refuses);
        if (history.size > 0) texts.push({ size: history.size, refused: history.lines, signers: new Set() });
        const signed = texts.at(-1 - late);
        for (const region of signers) signed?.signers.add(region);
        if (signed !== undefined && signed.signers.size >= needed) {
          history.own = withCertified(history.policy, history.own, signed);
          assert.ok(isLean(history));
        }
        const lost = before.filter((index) => textFor(history.policy, history.own, index) === undefined);
        assert.deepEqual(lost, []);
        before = Array.from({ length: history.size }, (_, index) => index).filter((index) => textFor(history.policy, history.own, index) !== undefined);
      }
    }),
    { numRuns: Number(process.env['RUNS'] ?? 2_000) },
  );
});

/** Texts that certify one entry each: the n-th has n + 1 entries, is signed by a region of its own, and names everybody else for its last one. */
function alone(count: number): { readonly policy: Policy; readonly texts: readonly SignedText[] } {
  const regions = Array.from({ length: count }, (_, n) => `r${n}`);
  const key = { name: '', keyId: 0, type: 4 as const, publicKey: new Uint8Array(32), verify: () => false };
  const quorum = { kind: 'weight' as const, threshold: 1, weights: new Map(regions.map((region) => [region, 1])) };
  const named = (index: number): readonly RefusedRange[] => regions.filter((_, n) => n !== index).map((region) => ({ region, first: index, last: index }));
  const texts = regions.map((region, n) => ({
    size: n + 1,
    refused: Array.from({ length: n + 1 }, (_, index) => named(index))
      .flat()
      .reduce(withRefused, []),
    signers: new Set([region]),
  }));
  return { policy: { logs: [], witnesses: new Map(regions.map((region) => [region, key])), quorum }, texts };
}

test('so many texts wait for newer ones and no more: the oldest of the others are kept for ever, and all stays provable', () => {
  const { policy, texts } = alone(OLDER_MAX + 4);
  let held: CertifiedTexts<SignedText> = { newest: undefined, older: [], kept: [] };
  for (const [n, text] of texts.entries()) {
    held = withCertified(policy, held, text);
    assert.equal(held.older.length, Math.min(n, OLDER_MAX));
    assert.deepEqual(held.kept, texts.slice(0, Math.max(0, n - OLDER_MAX)));
    for (let index = 0; index <= n; index += 1) assert.equal(textFor(policy, held, index), texts[index]);
  }
  assert.deepEqual(allTexts(held), texts.toReversed());
  // One that names nobody certifies all of it, and none has to wait.
  const whole = { size: texts.length, refused: [], signers: new Set(['r0']) };
  assert.deepEqual(withCertified(policy, held, whole).older, []);
});

test('a text that says nothing new changes nothing; each that does, does', () => {
  const { policy, texts } = alone(4);
  const [one, two, three] = texts;
  assert.ok(one && two && three);
  const none: CertifiedTexts<SignedText> = { newest: undefined, older: [], kept: [] };
  const held = [one, two, three].reduce((before, text) => withCertified(policy, before, text), none);
  for (const text of [one, two, three]) assert.ok(areSame(held, withCertified(policy, held, text)));
  assert.ok(areSame(held, { ...held, older: [...held.older] }));
  for (const other of [{ newest: two }, { newest: undefined }, { older: [one] }, { older: [one, three] }, { older: [] }, { kept: [one] }])
    assert.ok(!areSame(held, { ...held, ...other }), JSON.stringify(other));
});
