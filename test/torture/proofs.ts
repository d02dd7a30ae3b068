import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';

/*
 * What a stranger would write who has the specification and nothing of ours: receipts, trees and certificates, by node:crypto alone.
 * The checker of the torture rounds rests on it, so that a mistake in src/ can't hide itself.
 */

/** A receipt as its emitter has it. */
export interface Content {
  readonly receipt_id: string;
  readonly transaction_id: string;
  /** Lower hex. */
  readonly hash: string;
  readonly ticks: number;
  readonly span_id: bigint;
  readonly committed: boolean;
}

/** The JSON form of SPEC §1: span_id with all its digits. */
export function contentJson({ span_id, ...rest }: Content): string {
  return `${JSON.stringify(rest).slice(0, -1)},"span_id":${span_id}}`;
}

/** SPEC §1: D, 64 hex digits. */
export function digestOf(content: Content): string {
  return sha256(Buffer.from('receipt-sync/receipt/v1\n'), canonical(content)).toString('hex');
}

function canonical(content: Content): Buffer {
  const tail = Buffer.alloc(13);
  tail.writeUInt32BE(content.ticks, 0);
  tail.writeBigUInt64BE(content.span_id, 4);
  tail.writeUInt8(content.committed ? 1 : 0, 12);
  const texts = [Buffer.from(content.receipt_id), Buffer.from(content.transaction_id), Buffer.from(content.hash, 'hex')];
  return Buffer.concat([Buffer.of(1), ...texts.flatMap(lp16), tail]);
}

function lp16(bytes: Buffer): readonly Buffer[] {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return [length, bytes];
}

/** SHA-256 of the parts, one after another. */
export function sha256(...parts: readonly Uint8Array[]): Buffer {
  return hash('sha256', Buffer.concat(parts), 'buffer');
}

/** RFC 6962 §2.1. */
export function leafHash(entry: Uint8Array): Buffer {
  return sha256(Buffer.of(0), entry);
}

function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(Buffer.of(1), left, right);
}

/** The roots of the trees of the first `n` leaves, for each `n` that is wanted; hex. One pass. */
export function rootsOf(leaves: readonly Uint8Array[], sizes: ReadonlySet<number>): ReadonlyMap<number, string> {
  const roots = new Map<number, string>();
  // The complete subtrees so far, largest first.
  const peaks: { readonly height: number; readonly hash: Uint8Array }[] = [];
  const note = (size: number): void => {
    if (!sizes.has(size)) return;
    const root = peaks.reduceRight<Uint8Array | undefined>((right, { hash: left }) => (right === undefined ? left : nodeHash(left, right)), undefined);
    roots.set(size, Buffer.from(root ?? sha256()).toString('hex'));
  };
  note(0);
  for (const [n, leaf] of leaves.entries()) {
    let top = { height: 0, hash: leaf };
    for (let last = peaks.at(-1); last?.height === top.height; last = peaks.at(-1)) {
      peaks.pop();
      top = { height: top.height + 1, hash: nodeHash(last.hash, top.hash) };
    }
    peaks.push(top);
    note(n + 1);
  }
  return roots;
}

interface Key {
  readonly name: string;
  readonly type: number;
  readonly bytes: Buffer;
  readonly publicKey: KeyObject;
}

/** Whom to believe: a tlog-policy of equal weights, as it is published. */
export interface Policy {
  /** By origin line. */
  readonly logs: ReadonlyMap<string, Key>;
  /** By region. */
  readonly witnesses: ReadonlyMap<string, Key>;
  readonly threshold: number;
}

/** Reads the policy that all torture rounds have: `group regions K …`. Throws for any other. */
export function readPolicy(text: string): Policy {
  const logs = new Map<string, Key>();
  const witnesses = new Map<string, Key>();
  let threshold: number | undefined;
  for (const line of text.trimEnd().split('\n')) {
    const [word, first = '', second = ''] = line.split(' ');
    if (word === 'log') logs.set(keyOf(first).name, keyOf(first));
    else if (word === 'witness') witnesses.set(first, keyOf(second));
    else if (word === 'group') threshold = Number(second);
    else if (line !== 'quorum regions') throw new Error(`a policy of another kind: ${line}`);
  }
  if (threshold === undefined || !(threshold >= 1)) throw new Error('a policy without a threshold');
  return { logs, witnesses, threshold };
}

function keyOf(vkey: string): Key {
  const [, name = '', encoded = ''] = /^(.+)\+[0-9a-f]{8}\+(.+)$/.exec(vkey) ?? [];
  const raw = Buffer.from(encoded, 'base64');
  const bytes = raw.subarray(1);
  // RFC 8410: SubjectPublicKeyInfo of an Ed25519 key.
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes]);
  return { name, type: raw[0] ?? 0, bytes, publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}

function keyId(name: string, key: Key): Buffer {
  return sha256(Buffer.from(`${name}\n`), Buffer.of(key.type), key.bytes).subarray(0, 4);
}

/** A checkpoint whose origin's signature holds. */
export interface SignedHead {
  /** Without `/refused`. */
  readonly origin: string;
  readonly size: number;
  /** Hex. */
  readonly root: string;
  /** Regions whose cosignature of it holds. */
  readonly cosigners: readonly string[];
  readonly refused: readonly { readonly region: string; readonly first: number; readonly last: number }[];
}

/** Reads a signed checkpoint; throws where its log's signature, or one of a region that the policy knows, does not hold. */
export function readHead(note: string, policy: Policy): SignedHead {
  const parted = note.indexOf('\n\n');
  const body = note.slice(0, parted + 1);
  const [name = '', size = '', root = '', ...extensions] = body.trimEnd().split('\n');
  const origin = name.replace(/\/refused$/, '');
  const log = policy.logs.get(origin);
  if (log === undefined) throw new Error(`a checkpoint of an unknown log ${name}`);
  const lines = note
    .slice(parted + 2)
    .trimEnd()
    .split('\n')
    .map(signatureOf);
  const own = lines.find((line) => line.name === name && line.id.equals(keyId(name, log)));
  if (own === undefined || !verify(null, Buffer.from(body), log.publicKey, own.rest))
    throw new Error(`a checkpoint of ${name} at ${size} that its log has not signed`);
  const cosigners = [...policy.witnesses].flatMap(([region, key]) => {
    const line = lines.find((each) => each.name === key.name && each.id.equals(keyId(key.name, key)));
    if (line === undefined) return [];
    const text = Buffer.from(`cosignature/v1\ntime ${line.rest.readBigUInt64BE(0)}\n${body}`);
    if (!verify(null, text, key.publicKey, line.rest.subarray(8))) throw new Error(`a wrong cosignature of ${region} on ${name} at ${size}`);
    return [region];
  });
  const refused = extensions.map((line) => {
    const [, region = '', first = '', last = ''] = /^refused (\S+) (\d+)-(\d+)$/.exec(line) ?? [];
    return { region, first: Number(first), last: Number(last) };
  });
  return { origin, size: Number(size), root: Buffer.from(root, 'base64').toString('hex'), cosigners, refused };
}

function signatureOf(line: string): { readonly name: string; readonly id: Buffer; readonly rest: Buffer } {
  const [, name = '', encoded = ''] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  return { name, id: bytes.subarray(0, 4), rest: bytes.subarray(4) };
}

/** What a certificate proves of this content (SPEC §5): throws where it proves nothing. `endorsers`: the regions that count for it. */
export function readCertificate(text: string, content: Content, policy: Policy): { readonly head: SignedHead; readonly endorsers: readonly string[] } {
  const parted = text.indexOf('\n\n');
  const [header, extraLine = '', indexLine = '', ...path] = text.slice(0, parted).split('\n');
  if (header !== 'c2sp.org/tlog-proof@v1') throw new Error('no certificate');
  const head = readHead(text.slice(parted + 2), policy);
  const extra = Buffer.from(extraLine.replace('extra ', ''), 'base64');
  const index = Number(indexLine.replace('index ', ''));
  const commitment = sha256(Buffer.from('RSc1'), extra.subarray(9), Buffer.from(digestOf(content), 'hex'));
  const leaf = leafHash(Buffer.concat([Buffer.of(1, 1), extra.subarray(1, 9), commitment]));
  const siblings = path.map((line) => Buffer.from(line, 'base64'));
  if (rootBy(leaf, { index, size: head.size, siblings }) !== head.root) throw new Error('a certificate whose path does not lead to its root');
  const endorsers = head.cosigners.filter((region) => !head.refused.some((range) => range.region === region && range.first <= index && index <= range.last));
  if (endorsers.length < policy.threshold) throw new Error(`a certificate of ${endorsers.length} regions, where ${policy.threshold} are needed`);
  return { head, endorsers };
}

/** RFC 9162 §2.1.3.2. */
function rootBy(leaf: Buffer, { index, size, siblings }: { readonly index: number; readonly size: number; readonly siblings: readonly Buffer[] }): string {
  if (index >= size) throw new Error('a certificate of an entry beyond its tree');
  let [at, last, node] = [index, size - 1, leaf];
  for (const sibling of siblings) {
    if (last === 0) throw new Error('a path that is too long');
    if (at % 2 === 1 || at === last) {
      node = nodeHash(sibling, node);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else node = nodeHash(node, sibling);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  if (last !== 0) throw new Error('a path that is too short');
  return node.toString('hex');
}
