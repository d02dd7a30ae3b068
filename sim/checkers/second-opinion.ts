import { createHash } from 'node:crypto';
import type { Receipt } from '../../src/receipt/receipt.ts';
import type { VerifierKey } from '../../src/tlog/vkey.ts';
import { type Checker, Violation } from './checker.ts';

/**
 * R6: a verifier that shares no line with ours takes every certificate that is handed out. Written from SPEC §1, §2, §4, §5 and C2SP's
 * tlog-proof, signed-note and tlog-cosignature alone; only whether one signature is good is asked of the policy's keys.
 */
export function secondOpinion(): Checker {
  return {
    name: 'another verifier agrees',
    holdsBeyond: true,
    certified: ({ id, settings, signing }, { receipt, certificate }) => {
      const keys = [...(signing?.cluster.policy.witnesses ?? [])];
      const log = signing?.cluster.policy.logs ?? [];
      const weights = new Map([[settings.region, settings.weight], ...settings.regions.map(({ regionId, weight }) => [regionId, weight] as const)]);
      const problem = judge({ receipt, certificate, witnesses: keys, logs: log, weights, threshold: settings.quorumThreshold });
      if (problem !== undefined) throw new Violation(`${id} handed out a certificate of ${receipt.receiptId} that another verifier refuses: ${problem}`);
    },
    finished: () => undefined,
  };
}

/** What a verifier has. */
export interface Case {
  readonly receipt: Receipt;
  readonly certificate: string;
  /** By region. */
  readonly witnesses: readonly (readonly [string, Pick<VerifierKey, 'name' | 'publicKey' | 'verify'>])[];
  readonly logs: readonly Pick<VerifierKey, 'name' | 'publicKey' | 'verify'>[];
  readonly weights: ReadonlyMap<string, number>;
  readonly threshold: number;
}

/** Why the certificate proves nothing of the receipt, or `undefined` if it does. */
export function judge(given: Case): string | undefined {
  const [head = '', text = '', signatures = ''] = given.certificate.split('\n\n');
  const [magic, extra = '', indexLine = '', ...path] = head.split('\n');
  const [origin = '', size = '', root = '', ...extensions] = text.split('\n');
  const place = { index: Number(indexLine.replace('index ', '')), size: Number(size) };
  if (magic !== 'c2sp.org/tlog-proof@v1' || !(place.index < place.size)) return 'its form, or its index';
  const leaf = leafOf(given.receipt, Buffer.from(extra.slice(6), 'base64'));
  if (rootFrom(leaf, place, path)?.toString('base64') !== root) return 'its path does not lead to the signed root';

  const lines = signatures.trimEnd().split('\n');
  const signed = Buffer.from(`${text}\n`);
  const log = given.logs.find(({ name }) => name === origin || `${name}/refused` === origin);
  const logSignature = signatureOf(lines, origin, log?.publicKey, 1);
  if (log === undefined || logSignature === undefined || !log.verify(signed, logSignature)) return 'the signature of its log';
  const named = extensions.filter((each) => {
    const [, , first, last] = /^refused (\S+) (\d+)-(\d+)$/.exec(each) ?? [];
    return Number(first) <= place.index && place.index <= Number(last);
  });
  return weighed(given, { lines, signed, isOut: (region) => named.some((each) => each.startsWith(`refused ${region} `)) });
}

function weighed(
  { witnesses, weights, threshold }: Case,
  { lines, signed, isOut }: { readonly lines: readonly string[]; readonly signed: Buffer; readonly isOut: (region: string) => boolean },
): string | undefined {
  let weight = 0;
  for (const [region, key] of witnesses) {
    const line = signatureOf(lines, key.name, key.publicKey, 4);
    if (line === undefined) continue;
    const message = Buffer.concat([Buffer.from(`cosignature/v1\ntime ${line.readBigUInt64BE(0)}\n`), signed]);
    if (!key.verify(message, line.subarray(8))) return `the signature of ${region}`;
    if (!isOut(region)) weight += weights.get(region) ?? 0;
  }
  return weight >= threshold ? undefined : `a weight of ${weight}`;
}

function leafOf(receipt: Receipt, extra: Buffer): Buffer {
  const digest = sha256(Buffer.from('receipt-sync/receipt/v1\n'), canonical(receipt));
  const commitment = sha256(Buffer.from('RSc1'), extra.subarray(9), digest);
  return sha256(Buffer.from([0, 1, 1]), extra.subarray(1, 9), commitment);
}

/** RFC 9162 §2.1.3.2, steps 3 and 4; `undefined` where the path has not the length that it must have. */
function rootFrom(leaf: Buffer, { index, size }: { readonly index: number; readonly size: number }, path: readonly string[]): Buffer | undefined {
  let hash = leaf;
  let [fn, sn] = [index, size - 1];
  for (const sibling of path.map((line) => Buffer.from(line, 'base64'))) {
    if (sn === 0) return undefined;
    const isRight = fn % 2 === 1 || fn === sn;
    hash = isRight ? sha256(Buffer.from([1]), sibling, hash) : sha256(Buffer.from([1]), hash, sibling);
    while (isRight && fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 ? hash : undefined;
}

/** C2SP signed-note: the signature under a name by a key, without the key's id. */
function signatureOf(lines: readonly string[], name: string, publicKey: Uint8Array | undefined, type: number): Buffer | undefined {
  if (publicKey === undefined) return undefined;
  const keyId = sha256(Buffer.from(`${name}\n`), Buffer.from([type]), publicKey).subarray(0, 4);
  const found = lines.map((line) => line.split(' ')).find(([, each, bytes = '']) => each === name && Buffer.from(bytes, 'base64').subarray(0, 4).equals(keyId));
  return found === undefined ? undefined : Buffer.from(found[2] ?? '', 'base64').subarray(4);
}

function canonical({ receiptId, transactionId, hash, ticks, spanId, committed }: Receipt): Buffer {
  const text = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
  const numbers = Buffer.alloc(13);
  numbers.writeUInt32BE(ticks, 0);
  numbers.writeBigUInt64BE(spanId, 4);
  numbers[12] = committed ? 1 : 0;
  return Buffer.concat([Buffer.from([1]), text(Buffer.from(receiptId)), text(Buffer.from(transactionId)), text(hash), numbers]);
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
