import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { signerFromSeeds } from '../adapters/signer-file.ts';
import { type KeptText, OWN_LOG } from '../log/changes.ts';
import { formatLogText, type RefusedRange } from '../log/log-text.ts';
import { withRefused } from '../log/refused-lines.ts';
import { type CertifiedTexts, keptBefore, textFor, withCertified } from '../quorum/certified.ts';
import { clusterOf } from '../quorum/cluster.ts';
import { formatNote } from '../tlog/note.ts';
import { formatVerifierKey } from '../tlog/vkey.ts';
import { type CertifiedText, certifiedChanges, certifiedText, recoveredTexts } from './certify.ts';

const REGIONS = ['a', 'b', 'c', 'd'];
const THRESHOLD = 2;
const SIGNERS = new Map(
  REGIONS.map((region, n) => [
    region,
    signerFromSeeds({ cluster: 'c.example.com', region }, { log: new Uint8Array(32).fill(2 * n + 1), mirror: new Uint8Array(32).fill(2 * n + 2) }),
  ]),
);
const CLUSTER = clusterOf(
  {
    region: 'a',
    weight: 1,
    quorumThreshold: THRESHOLD,
    cluster: 'c.example.com',
    regions: [...SIGNERS].slice(1).map(([regionId, { mirrorKey, logKey }]) => ({
      regionId,
      weight: 1,
      publicKey: formatVerifierKey(mirrorKey),
      logKey: formatVerifierKey(logKey),
    })),
  },
  signerOf('a'),
);

function signerOf(region: string) {
  const signer = SIGNERS.get(region);
  assert.ok(signer);
  return signer;
}

function textOf(size: number, refused: readonly RefusedRange[], signers: readonly string[]): CertifiedText {
  const text = formatLogText({ origin: signerOf('a').logKey.name, size, root: new Uint8Array(32), refused });
  return certifiedText(CLUSTER, formatNote({ text, signatures: signers.map((region) => signerOf(region).cosign(text, 1)) }));
}

/** The rows of a store. */
class Rows {
  readonly #kept = new Map<number, KeptText>();
  #note: { readonly log: number; readonly size: number; readonly note: string } | undefined;

  write(texts: CertifiedTexts<CertifiedText>, saved: number): void {
    const { notes, kept } = certifiedChanges(OWN_LOG, texts, saved);
    for (const note of notes) this.#note = note;
    for (const row of kept) this.#kept.set(row.slot, row);
  }

  read(): CertifiedTexts<CertifiedText> {
    return recoveredTexts(CLUSTER, { certified: this.#note, kept: [...this.#kept.values()].sort((one, other) => one.slot - other.slot) });
  }
}

test('what certified texts prove they prove after a restart, whatever waits to be certified again by later ones', () => {
  const refusal = fc.record({ region: fc.constantFrom('b', 'c', 'd'), back: fc.nat(3) });
  const step = fc.record({ refuses: fc.array(refusal, { maxLength: 3 }), signers: fc.subarray(['b', 'c', 'd'], { minLength: 1 }) });
  let waited = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const rows = new Rows();
      let texts: CertifiedTexts<CertifiedText> = { newest: undefined, older: [], kept: [] };
      let lines: readonly RefusedRange[] = [];
      for (const [index, { refuses, signers }] of steps.entries()) {
        const named = refuses.map(({ region, back }) => ({ region, index: Math.max(0, index - back) }));
        lines = named.reduce((all, { region, index: at }) => withRefused(all, { region, first: at, last: at }), lines);
        const before = texts.kept.length;
        texts = { ...texts, kept: keptBefore(CLUSTER.policy, texts, lines) };
        texts = withCertified(CLUSTER.policy, texts, textOf(index + 1, lines, ['a', ...signers]));
        rows.write(texts, before);
        waited = Math.max(waited, texts.older.length);
        const again = rows.read();
        for (let entry = 0; entry <= index; entry += 1) {
          const [now, then] = [textFor(CLUSTER.policy, texts, entry), textFor(CLUSTER.policy, again, entry)];
          assert.equal(then !== undefined, now !== undefined, `entry ${entry} of ${index + 1}`);
        }
      }
    }),
    { numRuns: Number(process.env['RUNS'] ?? 200) },
  );
  assert.ok(waited > 1, 'several texts waited at once');
});
