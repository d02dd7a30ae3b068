import { randomUUID } from 'node:crypto';
import { fieldsOf } from '../../client/answers.ts';
import type { ReceiptSyncClient } from '../../client.ts';
import { canonicalBytes, receiptDigest } from '../../receipt/canonical.ts';
import type { Receipt } from '../../receipt/receipt.ts';
import { toHex } from '../../std/bytes.ts';
import { verifyCertificate } from '../../verify.ts';

/** Loopback is quick: where one region has heard of the other's content before its own came, another id is tried. */
const TRIES_MAX = 10;
const DECIDED_MS_MAX = 30_000;
const ASK_AGAIN_MS = 100;

/** A region of the demo, as far as this is concerned. */
export interface ConflictSide {
  readonly id: string;
  readonly client: Pick<ReceiptSyncClient, 'syncReceipt' | 'getReceiptJson' | 'getCertificate'>;
}

/** One of the two regions that were given a content each; digests in hex. */
export interface ConflictEnd {
  readonly region: string;
  /** What it was given, and holds. */
  readonly digest: string;
  /** Could it prove that offline? */
  readonly certified: boolean;
  /** The other one's content that it knows of and refuses, or null. */
  readonly refuses: string | null;
}

/** What became of two contents under one id. */
export interface ConflictReport {
  readonly receiptId: string;
  readonly regions: readonly ConflictEnd[];
  /** The region whose content is certified, or null: then it went wrong. */
  readonly certifiedIn: string | null;
  /** Exactly one is certified, and each side knows of both. */
  readonly asItShould: boolean;
}

/** Two contents under one id to two regions at once (SPEC §4): the third region decides, and both see why. */
export async function submitConflict(sides: readonly [ConflictSide, ConflictSide], policy: string): Promise<ConflictReport> {
  let report = await submitOnce(sides, policy);
  for (let tries = 1; tries < TRIES_MAX && report === undefined; tries += 1) report = await submitOnce(sides, policy);
  return report ?? { receiptId: '', regions: [], certifiedIn: null, asItShould: false };
}

/** `undefined` where one of them knew better by the time it was asked. */
async function submitOnce(sides: readonly [ConflictSide, ConflictSide], policy: string): Promise<ConflictReport | undefined> {
  const receiptId = `conflict-${randomUUID()}`;
  const contents = [1, 2].map((ticks): Receipt => ({ receiptId, transactionId: '', hash: Uint8Array.of(ticks), ticks, spanId: 0n, committed: true }));
  const given = sides.map((side, n) => ({ side, receipt: contents[n] ?? contents[0] })).filter((each): each is Given => each.receipt !== undefined);
  const taken = await Promise.allSettled(given.map(({ side, receipt }) => side.client.syncReceipt(receipt, { waitFor: 'local' })));
  if (taken.some(({ status }) => status === 'rejected')) return undefined;
  const deadlineMs = performance.now() + DECIDED_MS_MAX;
  let report = await look(given, policy);
  while (!report.asItShould && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    report = await look(given, policy);
  }
  return report;
}

interface Given {
  readonly side: ConflictSide;
  readonly receipt: Receipt;
}

async function look(given: readonly Given[], policy: string): Promise<ConflictReport> {
  const regions = await Promise.all(given.map((each) => endOf(each, policy)));
  const certified = regions.filter((end) => end.certified);
  const asItShould = certified.length === 1 && regions.every(({ refuses }, n) => refuses === regions[1 - n]?.digest);
  return { receiptId: given[0]?.receipt.receiptId ?? '', regions, certifiedIn: certified.length === 1 ? (certified[0]?.region ?? null) : null, asItShould };
}

async function endOf({ side, receipt }: Given, policy: string): Promise<ConflictEnd> {
  const { client, id: region } = side;
  const [text, certificate] = await Promise.all([
    client.getReceiptJson(receipt.receiptId).catch(() => undefined),
    client.getCertificate(receipt.receiptId).catch(() => undefined),
  ]);
  const refused = fieldsOf(text ?? '')['refused'];
  const [other] = Array.isArray(refused) ? refused : [];
  return {
    region,
    digest: toHex(receiptDigest(canonicalBytes(receipt))),
    certified: certificate !== undefined && (await verifyCertificate({ certificate, receipt, policy })).valid,
    refuses: typeof other?.digest === 'string' ? other.digest : null,
  };
}
