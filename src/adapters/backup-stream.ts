import { InvalidEvidenceError, ReceiptSyncError } from '../errors.ts';
import { type KeptNote, type KeptText, type LogNumber, OWN_LOG, type ParkedReceipt, type Refusal, type RemoteOffset } from '../log/changes.ts';
import type { Arrivals, ArrivedGroup } from '../ports/arrivals.ts';
import type { LogStore } from '../ports/log-store.ts';

/** First line of a backup stream. */
export interface BackupHead {
  readonly format: 'receipt-sync-backup/2';
  readonly region: string;
  readonly cluster: string;
  /** Has the region keys? Then what it signs after this moment is not in here. */
  readonly signs: boolean;
  /** As they were before the first group was read: an offset may lag, and repeats are duplicates there. */
  readonly offsets: readonly RemoteOffset[];
  readonly parked: readonly ParkedReceipt[];
  /** Logs that the region mirrors. */
  readonly mirrored: readonly { readonly log: LogNumber; readonly origin: string }[];
  /** Checkpoints of what follows: certificates can be made from a backup, though it signs nothing (SPEC §2.1). */
  readonly notes: readonly KeptNote[];
  /** Those kept beside the newest, and what remotes refuse; absent from versions without. */
  readonly kept?: readonly KeptText[];
  readonly refusals?: readonly Refusal[];
}

/** Frames read from the store at once: no commit waits longer than that behind a backup. */
const READ_BYTES_MAX = 1024 * 1024;
/** `u64 seq | u32 log | u64 start | u32 count | u32 frame bytes`, then the frame. All of it zero: the end. */
const RECORD_HEAD_BYTES = 28;
/** A head with a refusal in every line of a large store. */
const HEAD_BYTES_MAX = 256 * 1024 * 1024;
const FRAME_BYTES_MAX = 64 * 1024 * 1024;

/** The store after `afterSeq` as bytes: one line of JSON, the groups in order of arrival, and an end that can not be mistaken. */
export async function* backupBytes(
  store: LogStore & Arrivals,
  identity: { readonly region: string; readonly cluster: string; readonly signs: boolean },
  afterSeq: number,
): AsyncGenerator<Buffer, void, undefined> {
  const { offsets, parked, logs } = await store.recover();
  const mirrored = [...logs].flatMap(([log, { origin }]) => (origin === undefined ? [] : [{ log, origin }]));
  const notes = [...logs.values()].flatMap(({ certified }) => (certified === undefined ? [] : [certified]));
  const kept = [...logs.values()].flatMap((log) => log.kept);
  const refusals = (logs.get(OWN_LOG)?.refused ?? []).map((range) => ({ log: OWN_LOG, ...range }));
  const head: BackupHead = { format: 'receipt-sync-backup/2', ...identity, offsets, parked, mirrored, notes, kept, refusals };
  yield Buffer.from(`${JSON.stringify(head)}\n`);
  let seq = afterSeq;
  for (let groups = await store.arrivals(seq, READ_BYTES_MAX); groups.length > 0; groups = await store.arrivals(seq, READ_BYTES_MAX)) {
    for (const group of groups) {
      yield recordHead(group);
      yield Buffer.from(group.frame.buffer, group.frame.byteOffset, group.frame.byteLength);
      ({ seq } = group);
    }
  }
  yield Buffer.alloc(RECORD_HEAD_BYTES);
}

/** Reads the bytes back. Throws UNAVAILABLE where they end too early, InvalidEvidenceError where they are none of ours. */
export class BackupReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#chunks = bytes[Symbol.asyncIterator]();
  }

  async head(): Promise<BackupHead> {
    while (!this.#rest.includes(0x0a) && this.#rest.length < HEAD_BYTES_MAX) await this.#more();
    const end = this.#rest.indexOf(0x0a);
    const head = headOf(this.#rest.toString('utf8', 0, Math.max(0, end)));
    this.#rest = this.#rest.subarray(end + 1);
    return head;
  }

  async *groups(): AsyncGenerator<ArrivedGroup, undefined, undefined> {
    while (true) {
      const head = await this.#take(RECORD_HEAD_BYTES);
      const seq = Number(head.readBigUInt64BE(0));
      if (seq === 0) return undefined;
      const bytes = head.readUInt32BE(24);
      if (bytes > FRAME_BYTES_MAX) throw new InvalidEvidenceError('A group of the backup stream', 'is larger than any of ours');
      yield {
        seq,
        log: head.readUInt32BE(8),
        start: Number(head.readBigUInt64BE(12)),
        count: head.readUInt32BE(20),
        frame: Buffer.from(await this.#take(bytes)),
      };
    }
  }

  async #take(bytes: number): Promise<Buffer> {
    while (this.#rest.length < bytes) await this.#more();
    const taken = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return taken;
  }

  async #more(): Promise<void> {
    const next = await this.#chunks.next().catch(endedEarly);
    if (next.done === true) return endedEarly();
    this.#rest = Buffer.concat([this.#rest, next.value]);
  }
}

/** The region was stopped, or the connection lost: what came so far is whole groups. */
function endedEarly(cause?: unknown): never {
  throw new ReceiptSyncError('UNAVAILABLE', 'The backup stream ended before its end: the same command goes on where it stopped', { cause });
}

function headOf(line: string): BackupHead {
  try {
    const head = JSON.parse(line);
    if (head.format === 'receipt-sync-backup/2') return head;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new InvalidEvidenceError('This', 'is no backup stream that this version reads');
}

function recordHead(group: ArrivedGroup): Buffer {
  const head = Buffer.alloc(RECORD_HEAD_BYTES);
  head.writeBigUInt64BE(BigInt(group.seq), 0);
  head.writeUInt32BE(group.log, 8);
  head.writeBigUInt64BE(BigInt(group.start), 12);
  head.writeUInt32BE(group.count, 20);
  head.writeUInt32BE(group.frame.length, 24);
  return head;
}
