import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newKeys, signerFromSeeds } from '../../src/adapters/signer-file.ts';
import { BATCH_MEDIA_TYPE, type Batch, encodeBatch, parseBatch } from '../../src/log/batch.ts';
import { commitment, RECEIPT_ENTRY_BYTES, writeReceiptEntry } from '../../src/log/entry.ts';
import { formatLogText, type LogText, nameSigned, parseLogText, type RefusedRange } from '../../src/log/log-text.ts';
import { ReceiptSyncManager } from '../../src/manager.ts';
import type { SyncEvent } from '../../src/ports/observer.ts';
import type { Signer } from '../../src/ports/signer.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import { RemoteRegion } from '../../src/region/remote-region.ts';
import { sha256, toHex, utf8Bytes } from '../../src/std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { leafHash } from '../../src/tlog/hash.ts';
import { formatNote, formatSignature, type Note, parseNote } from '../../src/tlog/note.ts';
import { formatVerifierKey } from '../../src/tlog/vkey.ts';
import { sealed } from '../receipts.ts';
import { type Listening, listen } from '../regions.ts';

export const CLUSTER = 'test.example.com';

/** Keys of a region that a test plays itself. */
export function signerOf(region: string): Signer {
  return signerFromSeeds({ cluster: CLUSTER, region }, { log: randomBytes(32), mirror: randomBytes(32) });
}

interface Item {
  readonly entry: Uint8Array;
  readonly canonical: Uint8Array;
  readonly salt: Uint8Array;
}

/** A region's log that a test writes as it likes, and the batches that it sends of it. */
export class LogByHand {
  readonly signer: Signer;
  readonly items: Item[] = [];
  #recordedAt = BigInt(Date.now()) * 65_536n;

  constructor(signer: Signer) {
    this.signer = signer;
  }

  get size(): number {
    return this.items.length;
  }

  add(...receipts: readonly Receipt[]): this {
    for (const receipt of receipts) {
      const { canonical, digest } = sealed(receipt);
      const salt = randomBytes(16);
      const entry = new Uint8Array(RECEIPT_ENTRY_BYTES);
      this.#recordedAt += 1n;
      writeReceiptEntry(entry, 0, { recordedAt: this.#recordedAt, commitment: commitment(salt, digest) });
      this.items.push({ entry, canonical, salt });
    }
    return this;
  }

  /** An entry of another kind, or whatever is to stand in its place. */
  addEntry(entry: Uint8Array): this {
    this.items.push({ entry, canonical: new Uint8Array(), salt: new Uint8Array() });
    return this;
  }

  root(size: number = this.size): Uint8Array {
    return rootOf(append(EMPTY_EDGE, Buffer.concat(this.items.slice(0, size).map(({ entry }) => leafHash(entry)))).edge);
  }

  /** The checkpoint at a size, signed. */
  note(size: number = this.size, more: { readonly refused?: readonly RefusedRange[]; readonly root?: Uint8Array } = {}): Note {
    const { refused = [], root = this.root(size) } = more;
    const text = formatLogText({ origin: this.signer.logKey.name, size, root, refused });
    return { text, signatures: [this.signer.sign(text, nameSigned(this.signer.logKey.name, refused.length > 0))] };
  }

  /** Entries [start, end) as a batch; `change` says what is to be otherwise. */
  batch(start: number, end: number = this.size, change: Partial<Batch> = {}): Uint8Array {
    const frame = frameOf(this.items.slice(start, end));
    return encodeBatch({
      checkpoint: utf8Bytes(formatNote(this.note(end))),
      certified: new Uint8Array(),
      start,
      count: end - start,
      frame,
      ...change,
    });
  }
}

/** `count × ( lp16 entry | lp16 C | salt if C is not empty )`. */
export function frameOf(items: readonly Item[]): Uint8Array {
  return Buffer.concat(items.flatMap(({ entry, canonical, salt }) => [lp16(entry), lp16(canonical), canonical.length === 0 ? new Uint8Array() : salt]));
}

export function lp16(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

export interface Said {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
}

/** Posts a batch as anybody can. */
export async function post(url: string, batch: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Said> {
  const response = await fetch(`${url}/receipt-sync`, { method: 'POST', headers: { 'content-type': BATCH_MEDIA_TYPE, ...headers }, body: Buffer.from(batch) });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

/** A batch that came, and what its checkpoint says. */
export interface Came {
  readonly batch: Batch;
  readonly note: Note;
  readonly text: LogText;
}

export type Answer = { readonly status?: number; readonly type?: string; readonly body?: string | Uint8Array } | 'nothing';

/** A mirror that a test plays: answers every batch as it is told, and serves as the origin's checkpoint what it is told. */
export class MirrorByHand {
  readonly region: string;
  readonly signer: Signer;
  readonly came: Came[] = [];
  readonly listening: Listening;
  answer: (came: Came) => Answer | Promise<Answer> = (came) => this.cosigned(came);
  /** What it shows of the origin's log. */
  checkpoint: (() => string) | undefined;

  private constructor(region: string, listening: Listening) {
    this.region = region;
    this.signer = signerOf(region);
    this.listening = listening;
  }

  static async make(region: string): Promise<MirrorByHand> {
    let self: MirrorByHand | undefined;
    const listening = await listen(async (request, response) => {
      if (self === undefined) return;
      if (request.method === 'GET') {
        const isIt = request.url === '/checkpoints' && self.checkpoint !== undefined;
        response.writeHead(isIt ? 200 : 404, { 'content-type': 'application/json' });
        response.end(isIt ? JSON.stringify({ region, checkpoints: [self.checkpoint?.() ?? ''], evidence: [] }) : '');
        return;
      }
      const bytes: Buffer[] = [];
      for await (const chunk of request) bytes.push(chunk);
      const batch = parseBatch(Buffer.concat(bytes));
      const note = parseNote(batch.checkpoint);
      const came = { batch, note, text: parseLogText(note.text) };
      self.came.push(came);
      const answer = await self.answer(came);
      if (answer === 'nothing') return;
      const { status = 200, type = 'text/plain; charset=utf-8', body = '' } = answer;
      response.writeHead(status, { 'content-type': type }).end(body);
    });
    self = new MirrorByHand(region, listening);
    return self;
  }

  /** As an honest one answers: its cosignature of this text. */
  cosigned({ note }: Came, atS: number = Math.floor(Date.now() / 1_000)): Answer {
    return { body: formatSignature(this.signer.cosign(note.text, atS)) };
  }

  /** 409 with this size. */
  size(size: number | string): Answer {
    return { status: 409, type: 'text/x.tlog.size', body: `${size}\n` };
  }

  remote(): RemoteRegion {
    return new RemoteRegion(this.region, this.listening.url, { timeout: '2s' })
      .withPublicKey(formatVerifierKey(this.signer.mirrorKey))
      .withLogKey(formatVerifierKey(this.signer.logKey));
  }
}

/** A real region among others that a test plays. */
export class Stage implements AsyncDisposable {
  readonly folder: string;
  readonly events: SyncEvent[] = [];
  readonly #ends: (() => Promise<void>)[] = [];
  #config: MultiRegionConfig = new MultiRegionConfig('');
  #manager: ReceiptSyncManager | undefined;
  #url = '';

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** `region` is real, with these remotes. */
  static async open(region: string, remotes: readonly RemoteRegion[], threshold: number): Promise<Stage> {
    const stage = new Stage(await mkdtemp(join(tmpdir(), 'receipt-sync-stage-')));
    const keyFile = join(stage.folder, 'keys.json');
    mkdirSync(join(stage.folder, region));
    writeFileSync(keyFile, newKeys({ cluster: CLUSTER, region }).file, { mode: 0o600 });
    const fields = { crossRegionSyncEnabled: true, quorumThreshold: threshold, retryBackoff: '100ms', cluster: CLUSTER, keyFile };
    stage.#config = MultiRegionConfig.from({ ...fields, region, regions: remotes, dataDir: join(stage.folder, region, 'data') });
    const listening = await listen((request, response) => {
      if (stage.#manager === undefined) request.socket.destroy();
      else stage.#manager.peerHandler(request, response);
    });
    stage.#ends.push(() => listening.close());
    stage.#url = listening.url;
    await stage.start();
    return stage;
  }

  get url(): string {
    return this.#url;
  }

  get config(): MultiRegionConfig {
    return this.#config;
  }

  get manager(): ReceiptSyncManager {
    if (this.#manager === undefined) throw new Error('The region is down');
    return this.#manager;
  }

  async start(): Promise<void> {
    this.#manager = await ReceiptSyncManager.open(this.#config, { observer: (event) => this.events.push(event) });
  }

  async stop(): Promise<void> {
    const manager = this.#manager;
    this.#manager = undefined;
    await manager?.close({ timeout: 0 });
  }

  alarms(): readonly string[] {
    return this.events.flatMap((event) => (event.kind === 'alarm' ? [event.alarm] : []));
  }

  endWith(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const end of this.#ends.reverse()) await end();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Where a mirror serves the log of a signer. */
export function mirrorPath({ logKey }: Signer): string {
  return `/mirror/${toHex(sha256(utf8Bytes(logKey.name)))}`;
}
