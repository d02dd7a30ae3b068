import { checkpointOf, parseBatch } from '../src/log/batch.ts';
import { parseLogText, type RefusedRange } from '../src/log/log-text.ts';
import type { MirrorReport, Peer, Shown } from '../src/ports/peer.ts';
import type { MirrorAnswer, Receiving } from '../src/ports/receiving.ts';
import type { Signer } from '../src/ports/signer.ts';
import type { Receipt } from '../src/receipt/receipt.ts';
import { formatNote, parseNote } from '../src/tlog/note.ts';
import { History, LyingOrigin } from '../test/lying-origin.ts';
import type { Random } from './random.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Nobody who lies waits for ever. */
const ANSWER_MS = 4_000;

export interface LiarOptions {
  readonly signer: Signer;
  readonly policyHash: string;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly mirrors: readonly { readonly id: string; readonly peer: Peer }[];
  /** Contents that it puts into its histories, also such as others have. */
  readonly receipt: () => Receipt;
  /** It says of itself that it sends from so many data directories, by turns. */
  readonly directories: number;
  /** How often a mirror's machine was started. */
  readonly startsOf: (id: string) => number;
}

/** A checkpoint of another history that one mirror alone was shown, once, when its own copy was not so far yet. */
export interface Slip {
  readonly id: string;
  readonly starts: number;
  readonly size: number;
  readonly root: Uint8Array;
}

/**
 * A region whose keys lie: it keeps two or three histories of its log, shows any of them to anybody, goes back, drops the lines for
 * what others refuse, and cosigns all that it is asked to, its own histories too.
 */
export class Liar implements Receiving {
  readonly regionId: string;
  readonly origin: LyingOrigin;
  readonly #options: LiarOptions;
  /** Shows each mirror the same history always, and nothing to whoever asks: only the others, together, can find out. */
  readonly #isCareful: boolean;
  /** Shows all the same history, and slips once: only who remembers what it was shown can find out. */
  readonly #isSmooth: boolean;
  #slip: Slip | undefined;
  #asked = 0;
  #histories: History[];
  /** Where each mirror says that it stands. */
  readonly #sizes = new Map<string, number>();
  /** What it was told that others refuse, by history. */
  readonly #refused = new Map<string, readonly RefusedRange[]>();
  /** Every text that it has shown, by who has signed it last. */
  readonly shownTexts: { readonly history: History; readonly size: number; readonly refused: readonly RefusedRange[] }[] = [];
  isOver = false;

  constructor(regionId: string, options: LiarOptions) {
    this.regionId = regionId;
    this.#options = options;
    this.origin = new LyingOrigin(options.signer, options.policyHash);
    const { random, receipt } = options;
    this.#isCareful = random.chance(0.6);
    this.#isSmooth = this.#isCareful && random.chance(0.4);
    const trunk = new History(options.signer, Array.from({ length: random.below(6) }, receipt));
    this.#histories = Array.from({ length: 2 + random.below(2) }, () => trunk.forkedAt(random.below(trunk.size + 1), receipt()));
  }

  get slip(): Slip | undefined {
    return this.#slip;
  }

  start(): void {
    for (const [n, mirror] of this.#options.mirrors.entries()) this.#again(mirror, n % this.#histories.length);
  }

  shown(): Shown {
    if (this.#isCareful) return { checkpoints: [], evidence: [] };
    return { checkpoints: this.#histories.map((history) => formatNote(history.checkpoint(this.#options.random.below(history.size + 1)))), evidence: [] };
  }

  /** Signs whatever it is sent, without a look at it; or something else, or says that it holds more. */
  admitBatch(checkpoint: Uint8Array): ReturnType<Receiving['admitBatch']> {
    const note = parseNote(checkpoint);
    return { region: '', note, text: parseLogText(note.text) };
  }

  async receiveBatch(_: unknown, bytes: Uint8Array): Promise<MirrorAnswer> {
    const head = checkpointOf(bytes);
    if (head.kind === 'more') return { kind: 'closed' };
    parseBatch(bytes);
    const { text } = parseNote(head.note);
    const { signer, random } = this.#options;
    // A number that proves nothing, and a signature that is one of another text.
    if (random.chance(0.1)) return { kind: 'size', size: parseLogText(text).size + 1 + random.below(1_000) };
    return { kind: 'cosigned', line: signer.cosign(random.chance(0.1) ? `${text}refused region-0 0-0\n` : text, 1_700_000_000) };
  }

  async receive(): Promise<readonly never[]> {
    return [];
  }

  async getStored(): Promise<undefined> {
    return undefined;
  }

  originOf(): undefined {
    return undefined;
  }

  servedLog(): undefined {
    return undefined;
  }

  isReady(): boolean {
    return true;
  }

  #again(mirror: LiarOptions['mirrors'][number], usual: number): void {
    const { clock, random } = this.#options;
    clock.after(50 + random.uniform() * 900, () => {
      if (this.isOver) return;
      const n = this.#isSmooth ? 0 : this.#isCareful ? usual : random.below(this.#histories.length);
      void this.#show(mirror, n).finally(() => this.#again(mirror, usual));
    });
  }

  async #show({ id, peer }: LiarOptions['mirrors'][number], n: number): Promise<void> {
    const { random, receipt } = this.#options;
    let history = this.#histories[n] ?? new History(this.#options.signer);
    if (this.#isSmooth && this.#slip === undefined && random.chance(0.2)) return this.#slipOnce({ id, peer }, history);
    if (random.chance(0.3)) {
      history = history.with(receipt());
      this.#histories[n] = history;
    }
    const size = random.chance(0.2) && !this.#isCareful ? random.below(history.size + 1) : history.size;
    const known = this.#sizes.get(id) ?? 0;
    const start = Math.min(size, random.chance(0.2) ? random.below(size + 1) : known);
    const place = `${n}`;
    const all = (this.#refused.get(place) ?? []).filter(({ first }) => first < size).map((range) => ({ ...range, last: Math.min(range.last, size - 1) }));
    // Some lines are dropped: one region's, or all.
    const refused = random.chance(0.4) ? [] : random.chance(0.3) ? all.filter(({ region }) => region === id) : all;
    this.shownTexts.push({ history, size, refused });
    const report = await this.#ask(peer, history.batch(start, size, refused));
    if (report !== undefined) this.#heard(report, { id, place, text: history.checkpoint(size, refused).text });
  }

  /** Another history's checkpoint, with no entries: the mirror can't say yet that its log never had it. */
  async #slipOnce({ id, peer }: LiarOptions['mirrors'][number], history: History): Promise<void> {
    const { receipt, startsOf } = this.#options;
    const other = history.forkedAt(Math.max(0, history.size - 1), receipt(), receipt(), receipt());
    const size = other.size;
    const starts = startsOf(id);
    const report = await this.#ask(peer, other.batch(size));
    if (report?.kind === 'size' && report.size < size) this.#slip = { id, starts, size, root: parseLogText(other.checkpoint().text).root };
  }

  #ask(peer: Peer, batch: Uint8Array): Promise<MirrorReport | undefined> {
    const { clock, policyHash, directories } = this.#options;
    this.#asked += 1;
    const instance = `${String(1 + (this.#asked % directories)).repeat(32)}-1`;
    const asked = peer.mirror(batch, { policy: policyHash, instance, signal: new AbortController().signal });
    return Promise.race([asked, clock.sleep(ANSWER_MS).then(() => undefined)]);
  }

  #heard(report: MirrorReport, { id, place, text }: { readonly id: string; readonly place: string; readonly text: string }): void {
    if (report.kind === 'cosigned') this.origin.keep(text, report.line);
    if (report.kind === 'cosigned') this.#sizes.set(id, parseLogText(text).size);
    if (report.kind === 'size') this.#sizes.set(id, report.size);
    if (report.kind !== 'refuses') return;
    const others = (this.#refused.get(place) ?? []).filter(({ region }) => region !== id);
    const own = [...(this.#refused.get(place) ?? []).filter(({ region }) => region === id), ...report.ranges.map((range) => ({ region: id, ...range }))];
    this.#refused.set(
      place,
      [...others, ...joined(own)].toSorted((a, b) => (a.region === b.region ? a.first - b.first : a.region < b.region ? -1 : 1)),
    );
  }
}

/** Ranges of one region, apart from each other. */
function joined(ranges: readonly RefusedRange[]): readonly RefusedRange[] {
  const apart: RefusedRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = apart.at(-1);
    if (last !== undefined && range.first <= last.last + 1) apart[apart.length - 1] = { ...last, last: Math.max(last.last, range.last) };
    else apart.push(range);
  }
  return apart;
}
