import { encodeBatch } from '../log/batch.ts';
import { areUnnamed } from '../log/refused-lines.ts';
import type { RemoteCosigned } from '../ports/log-store.ts';
import type { MirrorReport } from '../ports/peer.ts';
import type { Word } from '../quorum/tally.ts';
import type { Failure } from '../region/failure.ts';
import { utf8Bytes } from '../std/bytes.ts';
import { verifyCosignature } from '../tlog/cosignature.ts';
import { formatNote, type NoteSignature } from '../tlog/note.ts';
import type { OwnText } from './checkpoints.ts';
import { Coverage } from './coverage.ts';
import { exchangeBatch } from './exchange.ts';
import { BAD_COSIGNATURE, BAD_REFUSAL, BEAT_MS, type Flight, Flights, FUTILE, Futility, NOTHING, PASSED_OVER_MAX, SHOW_MS, UNREADABLE_MS } from './flight.ts';
import type { LinkStatus, RegionLink } from './link.ts';
import { OUT_OF_COUNT, REFUSED_ENTRY } from './mirror-calls.ts';
import type { MirrorLinkOptions, RefusedRanges } from './mirror-link-options.ts';
import { OwnDoubts } from './own-doubts.ts';
import type { Stretch } from './own-groups.ts';
import { Reach } from './reach.ts';
import { PAUSE_PROBE_MS } from './retry.ts';
import { isRotten } from './rotten.ts';
import { Telling } from './telling.ts';
import { Trust } from './trust.ts';

/**
 * All that one region knows of and sends to one mirror (SPEC §3.2). What it owes is one number: the size it has cosigned. Nothing is
 * kept per receipt while all goes well; callers' schedules begin with the first attempt that fails.
 */
export class MirrorLink implements RegionLink {
  readonly #options: MirrorLinkOptions;
  readonly #reach: Reach;
  readonly #trust: Trust;
  readonly #abort = new AbortController();
  readonly #flights = new Flights();
  /** Its size of our log as it said; unknown after a start, and after anything that failed. */
  #known: number | undefined;
  /** The first entry that was not sent yet. */
  #next = 0;
  #size: number;
  readonly #coverage: Coverage;
  readonly #telling: Telling;
  readonly #doubts: OwnDoubts;
  /** Something is read or asked that the next batch waits for. */
  #isBusy = false;
  readonly #futile = new Futility();
  /** Refusals that are made durable now. */
  #naming = 0;
  /** Its size when it last refused to sign: with the lines for that it signs, before more comes that it may refuse. */
  #refusedAt: number | undefined;
  /** Cosignatures in a row that were not looked at. */
  #passedOver = 0;
  #unreadableMs = Number.NEGATIVE_INFINITY;
  #shownMs = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;
  #waking = false;

  constructor(options: MirrorLinkOptions, start: { readonly size: number; readonly cosigned: RemoteCosigned | undefined }) {
    this.#options = options;
    this.#reach = new Reach(options);
    this.#trust = new Trust(options);
    this.#size = start.size;
    this.#coverage = new Coverage(options.regionId, options.checkpoints, start.cosigned);
    this.#telling = new Telling(options.checkpoints);
    this.#doubts = new OwnDoubts(options);
  }

  /** The largest text it has cosigned: what a remote that forgets is measured against. */
  get cosigned(): RemoteCosigned {
    return this.#coverage.cosigned;
  }

  get offset(): number {
    return this.#coverage.cosigned.size;
  }

  isAvailable(): boolean {
    return this.#reach.isAvailable() && this.#trust.uncounted === undefined;
  }

  status(): LinkStatus {
    const { size } = this.#coverage;
    const owedCount = this.#size - Math.min(this.#size, size);
    return { ...this.#reach.status(), owedCount, owedFrom: owedCount > 0 ? size : undefined };
  }

  said(index: number): { readonly word: Word; readonly refusal?: Failure } {
    if (this.#coverage.refuses(index)) return { word: 'refused', refusal: REFUSED_ENTRY };
    // A remote that has forgotten is not counted any more, whatever it once said.
    return { word: this.#trust.uncounted === undefined && this.#coverage.has(index) ? 'acknowledged' : undefined };
  }

  /** The own log has grown, durably. */
  grown(size: number): void {
    this.#size = size;
    this.#wakeSoon();
  }

  ring(index: number, receiptId: string): void {
    const { calls } = this.#options;
    const { word, refusal } = this.said(index);
    if (word === 'acknowledged') calls.acknowledged(index);
    else if (refusal !== undefined) calls.refused(index, refusal);
    else if (this.#trust.uncounted !== undefined) calls.hopeless(index, this.#trust.uncounted);
    else if (this.#options.isOut(index)) calls.hopeless(index, OUT_OF_COUNT);
    else if (this.#isTroubled()) calls.open(index, receiptId);
    this.#wakeSoon();
  }

  /** Something that this remote should see has changed: the sync text, or what is certified. */
  look(): void {
    this.#wakeSoon();
  }

  /** While it is distrusted nothing is sent to it, and nothing that it has said counts. */
  distrust(isSo: boolean): void {
    this.#trust.distrust(isSo);
    this.#known = undefined;
    this.#next = this.#coverage.cosigned.size;
    this.#wakeSoon();
  }

  start(): void {
    this.#wakeSoon();
  }

  stop(): void {
    this.#abort.abort();
    this.#cancelTimer?.();
  }

  /** Something has failed and not been mended: callers of now share the next attempts (CONTRACT §1). */
  #isTroubled(): boolean {
    return this.#options.calls.size > 0 || this.#reach.isBarred() || this.#reach.backgroundDueMs > this.#options.clock.monotonicMs();
  }

  #wakeSoon(): void {
    if (this.#waking) return;
    this.#waking = true;
    void Promise.resolve().then(() => {
      this.#waking = false;
      this.#wake();
    });
  }

  #wake(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const now = this.#options.clock.monotonicMs();
    while (!this.#abort.signal.aborted && this.#mayFly(now) && this.#sendNext(now)) {}
    const dueMs = this.#dueMs(now);
    if (dueMs === undefined || this.#abort.signal.aborted) return;
    this.#cancelTimer = this.#options.clock.after(Math.max(0, dueMs - now), () => this.#wake());
  }

  #mayFly(now: number): boolean {
    if (this.#isBusy || this.#trust.isDistrusted || this.#flights.isFull) return false;
    if (this.#isNaming() || (this.#isOneByOne() && this.#flights.size > 0)) return false;
    return now >= this.#attemptDueMs(now) && now >= this.#flights.nextMs;
  }

  /** Until it is known again where the remote stands, and what its answer to what it has refused is, one batch at a time. */
  #isOneByOne(): boolean {
    return this.#known === undefined || this.#reach.isBarred() || this.#trust.isForgotten || this.#refusedAt !== undefined;
  }

  /** What it refuses is made durable: only then can a text name it. */
  #isNaming(): boolean {
    return this.#refusedAt !== undefined && this.#naming > 0;
  }

  /** When the next attempt may go out: the link's own time after a failure, or that of a caller's schedule. */
  #attemptDueMs(now: number): number {
    const { calls } = this.#options;
    const callsDueMs = calls.nextDueMs(now) ?? Number.POSITIVE_INFINITY;
    const rungMs = this.#reach.isBarred() ? Math.max(callsDueMs, this.#reach.probeDueMs) : callsDueMs;
    return Math.max(this.#unreadableMs, Math.min(rungMs, this.#reach.backgroundDueMs));
  }

  /** When there is something to do by the clock alone. */
  #dueMs(now: number): number | undefined {
    if (this.#isBusy || this.#trust.isDistrusted || this.#isNaming()) return undefined;
    // More entries than may go at once: the next ones follow at a distance. Anything else waits for an answer.
    if (this.#flights.size > 0)
      return this.#flights.isSpaced && !this.#flights.isFull && !this.#isOneByOne() && this.#next < this.#size ? this.#flights.nextMs : undefined;
    if (this.#trust.isForgotten) return Math.max(this.#shownMs + SHOW_MS, this.#attemptDueMs(now));
    const isDone = this.#known !== undefined && this.#next >= this.#size && this.#owedText() === undefined && !this.#owesCertified();
    return Math.max(isDone ? this.#flights.sentMs + BEAT_MS : 0, this.#attemptDueMs(now));
  }

  /** Sends whatever is next; false if there is nothing. */
  #sendNext(now: number): boolean {
    const { checkpoints, groups } = this.#options;
    if (this.#trust.isForgotten) return this.#show(now);
    // After a start, or a failure, the remote says where it stands (SPEC §3.2).
    if (this.#known === undefined) return this.#fly({ text: checkpoints.newest, kind: 'ask' });
    const refused = this.#refusedText();
    if (refused !== undefined) return this.#fly({ text: refused, kind: 'text' });
    if (this.#next < this.#size) {
      const stretch = groups.recent(this.#next, checkpoints.batchEnd(this.#next));
      if (stretch === undefined) void this.#load(this.#next);
      else this.#flyStretch(stretch, checkpoints.known(stretch.end));
      return stretch !== undefined;
    }
    if (this.#flights.size > 0) return false;
    const owed = this.#owedText();
    if (owed !== undefined) return this.#fly({ text: owed, kind: 'text' });
    if (!this.#owesCertified()) {
      if (now < this.#flights.sentMs + BEAT_MS) return false;
      this.#telling.beat();
    }
    return this.#fly({ text: checkpoints.newest, kind: 'text' });
  }

  /** What it has refused to sign, with the lines for it: asked for once, before anything else. */
  #refusedText(): OwnText | undefined {
    const at = this.#refusedAt;
    this.#refusedAt = undefined;
    const text = at === undefined || at !== this.#known ? undefined : this.#options.checkpoints.known(at);
    return text !== undefined && this.#coverage.owes(text) ? text : undefined;
  }

  /** A text that the remote has all entries of and has not signed: the sync text, or the newest where its signature of that was lost. */
  #owedText(): OwnText | undefined {
    const { sync, newest } = this.#options.checkpoints;
    const known = this.#known ?? 0;
    if (this.#naming > 0) return undefined;
    if (known >= sync.size && this.#coverage.owes(sync)) return sync;
    return known >= newest.size && this.#coverage.cosigned.size < newest.size && this.#coverage.owes(newest) ? newest : undefined;
  }

  #owesCertified(): boolean {
    return this.#telling.next(this.#known ?? 0) !== undefined;
  }

  async #load(start: number): Promise<void> {
    const { groups, checkpoints, rootAt } = this.#options;
    this.#isBusy = true;
    try {
      const stretch = await groups.stored(start, checkpoints.batchEnd(start));
      if (stretch !== undefined) await this.#doubts.look(stretch);
      const text = stretch === undefined ? undefined : checkpoints.at(stretch.end, await rootAt(stretch.end));
      if (stretch !== undefined && !this.#abort.signal.aborted && this.#next === start) this.#flyStretch(stretch, text);
    } catch (error) {
      // No fault of the remote: whoever waits, nothing is read for a while (seed 1393). What has rotted will not mend itself.
      this.#unreadableMs = this.#options.clock.monotonicMs() + (isRotten(error) ? PAUSE_PROBE_MS : UNREADABLE_MS);
    } finally {
      this.#isBusy = false;
      this.#wakeSoon();
    }
  }

  #flyStretch(stretch: Stretch, text: OwnText | undefined): void {
    // A boundary whose text is not kept any more is signed again: the store has it, and the root is the tree's.
    if (text === undefined) void this.#load(stretch.start);
    else if (this.#fly({ text, kind: 'entries', stretch })) this.#next = stretch.end;
  }

  /** Puts one batch on its way. */
  #fly({ text, kind, stretch }: { readonly text: OwnText; readonly kind: Flight['kind']; readonly stretch?: Stretch }): true {
    const told = kind === 'show' ? undefined : this.#telling.next(this.#known ?? 0);
    const certified = kind === 'show' ? utf8Bytes(this.#coverage.cosigned.note) : told === undefined ? NOTHING : utf8Bytes(told.note());
    this.#telling.sent(told);
    const frame = stretch?.frame ?? NOTHING;
    const start = stretch?.start ?? text.size;
    const checkpoint = utf8Bytes(formatNote({ text: text.text, signatures: [text.signature] }));
    const flight: Flight = { start, bytes: frame.length, text, kind, probe: this.#reach.isBarred(), cosigned: this.#coverage.cosigned.size, told };
    const batch = encodeBatch({ checkpoint, certified, start, count: text.size - start, frame });
    this.#flights.add(flight, this.#options.clock.monotonicMs());
    this.#options.calls.sent(text.size);
    if (flight.probe) this.#reach.probing();
    void exchangeBatch(this.#options, batch, this.#abort.signal).then((report) => {
      this.#flights.remove(flight);
      // Sent before it was distrusted: what it says now is nobody's word.
      if (this.#abort.signal.aborted || this.#trust.isDistrusted) return;
      this.#finish(flight, report);
      this.#wake();
    });
    return true;
  }

  #show(now: number): boolean {
    if (now < this.#shownMs + SHOW_MS) return false;
    this.#shownMs = now;
    return this.#fly({ text: this.#options.checkpoints.newest, kind: 'show' });
  }

  #finish(flight: Flight, report: MirrorReport): void {
    if (report.kind === 'cosigned') this.#cosignedBy(flight, report.line);
    else if (report.kind === 'refuses') this.#refuses(flight, report.ranges);
    else if (report.kind === 'size') this.#told(flight, report.size);
    else this.#failed(flight, report.failure);
  }

  #cosignedBy(flight: Flight, line: NoteSignature): void {
    const { remote, regionId, checkpoints, onCosigned } = this.#options;
    const { text } = flight;
    if (this.#mayPassOver(flight)) {
      this.#passedOver += 1;
      this.#answered(text.size);
      return;
    }
    this.#passedOver = 0;
    if (!verifyCosignature(remote.mirrorKey, text.text, line)) {
      this.#failed(flight, BAD_COSIGNATURE);
      return;
    }
    this.#futile.end();
    // It holds what it once cosigned after all: somebody has brought it back.
    if (text.size >= this.#coverage.cosigned.size) this.#trust.judge(text.size, 0);
    checkpoints.cosigned(text, regionId, line);
    this.#answered(text.size);
    const from = this.#coverage.signed(text, line);
    if (from !== undefined) onCosigned(from, text);
  }

  /** A later answer under way covers this one's entries and nobody needs them counted: a signature that is not checked is not counted, and costs nothing. */
  #mayPassOver({ kind, text }: Flight): boolean {
    const { checkpoints, isReachedByOthers } = this.#options;
    if (kind !== 'entries' || this.#passedOver >= PASSED_OVER_MAX || text === checkpoints.sync || checkpoints.refusals.lines.length > 0) return false;
    return this.#flights.hasBeyond(text.size) && isReachedByOthers(text.size);
  }

  /** Stored there, and not signed: until our texts name what it refuses, asking again is of no use. */
  #refuses(flight: Flight, ranges: RefusedRanges): void {
    const { text } = flight;
    const { remote, regionId, onRefused, clock, onCosigned } = this.#options;
    if (!areUnnamed(ranges, { region: regionId, size: text.size, named: text.refused })) {
      this.#failed(flight, BAD_REFUSAL);
      return;
    }
    this.#answered(text.size);
    this.#refusedAt = this.#known;
    this.#naming += 1;
    void onRefused(ranges).then((isDurable) => {
      this.#naming -= 1;
      if (!isDurable) this.#unreadableMs = clock.monotonicMs() + UNREADABLE_MS;
      else if (remote.weight === 0) {
        // One of weight 0: no lines are made for it, and it signs never. What it says weighs nothing, and may be believed.
        onCosigned(this.#coverage.unsigned(text), { size: text.size, refused: [] });
      }
      this.#wakeSoon();
    });
  }

  /** The remote has all entries below `size`, and is there. */
  #answered(size: number): void {
    this.#reach.reached();
    this.#reach.synced();
    this.#doubts.end();
    this.#known = Math.max(this.#known ?? 0, size);
    this.#next = Math.max(this.#next, this.#known);
  }

  /** 409: where it stands (SPEC §3.2), or that somebody has forgotten (§2.1). */
  #told(flight: Flight, size: number): void {
    const { checkpoints } = this.#options;
    if (size > this.#size) {
      void this.#doubt(flight);
      return;
    }
    if (this.#flights.size === 0 && !this.#trust.isForgotten && this.#futile.isTooOften()) {
      this.#failed(flight, FUTILE);
      return;
    }
    this.#reach.reached();
    this.#trust.judge(size, flight.cosigned);
    // It is beyond this text and can't sign it any more: no certificate can wait for it.
    if (flight.kind === 'text' && size > flight.text.size) checkpoints.abandonSync(flight.text);
    // Earlier batches may still be on their way: only when none is, it is known where to go on.
    if (this.#flights.size > 0) return;
    this.#known = Math.max(size, this.#trust.isForgotten ? 0 : this.#coverage.cosigned.size);
    this.#next = this.#known;
  }

  /** It says that it holds more than we do: believed only with our own signature. */
  async #doubt(flight: Flight): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const failure = await this.#options.disproved(() => this.#size, this.#abort.signal);
    this.#isBusy = false;
    if (failure !== undefined && !this.#abort.signal.aborted) this.#failed(flight, failure);
    this.#wakeSoon();
  }

  #failed(flight: Flight, failure: Failure): void {
    if (failure.status === 422) void this.#doubts.begin(flight.start);
    // A batch that is refused for what it is will be refused again: the link waits for an operator, the receipts stay owed.
    const weighed: Failure = failure.consequence === 'park' ? { ...failure, consequence: 'pause', countsAgainst: true } : failure;
    const { taken, ended } = this.#options.calls.failed({ from: this.#coverage.cosigned.size, to: flight.text.size, failure: weighed, probe: flight.probe });
    this.#reach.failed(weighed, { ended: ended || !taken, own: !taken, probe: flight.probe });
    this.#known = undefined;
    this.#telling.failed(flight.told);
    this.#next = this.#coverage.cosigned.size;
  }
}
