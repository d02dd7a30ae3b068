import assert from 'node:assert/strict';
import type { Random } from '../../sim/random.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { verifyCertificate } from '../../src/verify.ts';
import { until } from '../mirrored.ts';
import { receiptOf, sealed } from '../receipts.ts';

/** What the rounds ask of a region, in this process or in one of its own. */
export interface Side {
  readonly id: string;
  /** Rejects where the region is down or refuses it. */
  submit(receipt: Receipt): Promise<unknown>;
  certificate(receiptId: string): Promise<string>;
  /** Hex: what it holds, and what it refuses. */
  digests(receiptId: string): Promise<{ readonly held: string; readonly refused: readonly string[] } | undefined>;
}

/** One id with two contents, and who was given which. */
export interface Rivalry {
  readonly receiptId: string;
  readonly contents: readonly [Receipt, Receipt];
  readonly sides: readonly [Side, Side];
  readonly third: Side;
  /** Did both regions take theirs? */
  readonly taken: readonly [boolean, boolean];
}

/** Submits two contents under one new id to two regions, each after some ms of its own. */
export async function rival(sides: readonly Side[], random: Random, name: string): Promise<Rivalry> {
  const [one, two, third] = sides.map((side) => ({ side, order: random.uniform() })).sort((a, b) => a.order - b.order);
  assert.ok(one !== undefined && two !== undefined && third !== undefined);
  const contents = [receiptOf(name), receiptOf(name, { ticks: 9 })] as const;
  const later = async (side: Side, receipt: Receipt): Promise<boolean> => {
    await new Promise((resolve) => setTimeout(resolve, random.uniform() * 25));
    return side.submit(receipt).then(
      () => true,
      () => false,
    );
  };
  const taken = await Promise.all([later(one.side, contents[0]), later(two.side, contents[1])]);
  return { receiptId: contents[0].receiptId, contents, sides: [one.side, two.side], third: third.side, taken: [taken[0] === true, taken[1] === true] };
}

/** Which of the two contents somebody can prove: every region is asked for its certificate, and a verifier judges it with keys alone. */
export async function provable(sides: readonly Side[], { receiptId, contents }: Rivalry, policy: string): Promise<readonly number[]> {
  const certificates = await Promise.all(sides.map((side) => side.certificate(receiptId).catch(() => undefined)));
  const valid = await Promise.all(
    contents.map(async (receipt) => {
      const reports = certificates.map((certificate) => (certificate === undefined ? undefined : verifyCertificate({ certificate, receipt, policy })));
      return (await Promise.all(reports)).some((report) => report?.valid === true);
    }),
  );
  return [0, 1].filter((n) => valid[n] === true);
}

/**
 * Once all regions are up: exactly one content of each id is certified, the one that the third region came to hold, in every region that
 * holds it; and where both regions took theirs, both know of the other's.
 */
export async function settleAll(sides: readonly Side[], rivalries: readonly Rivalry[], policy: string): Promise<void> {
  // A call rings the links to regions that were away: else they take their time.
  await Promise.allSettled(sides.map((side) => side.submit(receiptOf(`ring-${side.id}`))));
  for (const rivalry of rivalries) {
    const { receiptId, contents, third, taken } = rivalry;
    const digests = contents.map((receipt) => Buffer.from(sealed(receipt).digest).toString('hex'));
    if (taken.every((was) => !was)) continue;
    await until(`one content of ${receiptId} is certified`, async () => {
      const found = await provable(sides, rivalry, policy);
      assert.ok(found.length <= 1, `both contents of ${receiptId} are certified`);
      return found.length === 1;
    });
    const [winner] = await provable(sides, rivalry, policy);
    // Where both regions took theirs nobody else could decide; where one did not, the third may hear of it later.
    await until(`${third.id} holds what is certified of ${receiptId}`, async () => (await third.digests(receiptId)) !== undefined);
    assert.equal((await third.digests(receiptId))?.held, digests[winner ?? -1], 'what the third region saw first is what is certified');
    if (!taken.every((was) => was)) continue;
    for (const [n, side] of rivalry.sides.entries()) {
      await until(`${side.id} knows both contents of ${receiptId}`, async () => {
        const known = await side.digests(receiptId);
        return known?.held === digests[n] && known?.refused.includes(digests[1 - n] ?? '') === true;
      });
    }
  }
}
