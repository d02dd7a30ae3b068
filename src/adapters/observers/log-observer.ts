import type { Observer, SyncEvent } from '../../ports/observer.ts';
import { type Level, type LogLine, logLines } from './log-lines.ts';

const RANK: Readonly<Record<Level, number>> = { debug: 10, info: 20, warn: 30, error: 40 };
/** Above this many receipts a second their lines are written at debug only, with one summary a second (CONTRACT §5). */
const RECEIPTS_PER_SECOND_MAX = 100;
/** Text that waits to be written; beyond, lines are dropped and counted. A log must not hold a region's memory. */
const BUFFER_CHARACTERS_MAX = 4 * 1024 * 1024;
const WINDOW_MS = 1_000;

export interface LogOptions {
  readonly level: Level;
  /** `text` as the source prints it, or a JSON object a line. */
  readonly format: 'text' | 'json';
  /** Takes whole lines. Returns false if it wants to be left alone until `drained` (a full pipe). */
  readonly write: (text: string) => void;
}

/** Writes events as log lines. Lines of the same tick go out together. */
export class LogObserver {
  readonly observe: Observer;
  readonly #options: LogOptions;
  #level: Level;
  #buffer: string[] = [];
  #buffered = 0;
  #dropped = 0;
  #windowStartMs = 0;
  #inWindow = { accepted: 0, delivered: 0, settled: 0 };
  #isBusy = false;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#level = options.level;
    this.observe = (event) => this.#take(event);
  }

  setLevel(level: Level): void {
    this.#level = level;
  }

  /** A line that is no event: of the process itself. */
  line(level: Level, msg: string, fields: LogLine['fields'] = {}): void {
    this.#put({ level, msg, fields, perReceipt: false });
  }

  /** Writes what waits, now: before the process ends. */
  flush(): void {
    if (this.#buffer.length === 0) return;
    const text = this.#buffer.join('');
    this.#buffer = [];
    this.#buffered = 0;
    this.#options.write(text);
  }

  #take(event: SyncEvent): void {
    this.#count(event);
    // Under load the text of a per-receipt line is not even made.
    if (this.#isBusy && 'receiptId' in event && RANK[this.#level] > RANK.debug) return;
    for (const line of logLines(event)) this.#put(line);
  }

  #put(line: LogLine): void {
    const level = line.perReceipt && this.#isBusy ? 'debug' : line.level;
    if (RANK[level] < RANK[this.#level]) return;
    if (this.#buffered > BUFFER_CHARACTERS_MAX) {
      this.#dropped += 1;
      return;
    }
    const text = this.#options.format === 'json' ? jsonLine({ ...line, level }) : textLine({ ...line, level });
    if (this.#buffer.length === 0) setImmediate(() => this.flush());
    this.#buffer.push(text);
    this.#buffered += text.length;
  }

  #count(event: SyncEvent): void {
    const now = performance.now();
    if (now >= this.#windowStartMs + WINDOW_MS) this.#closeWindow(now);
    if (event.kind === 'accepted' || event.kind === 'delivered' || event.kind === 'settled') this.#inWindow[event.kind] += 1;
    if (this.#inWindow.accepted > RECEIPTS_PER_SECOND_MAX || this.#inWindow.delivered > 4 * RECEIPTS_PER_SECOND_MAX) this.#isBusy = true;
  }

  #closeWindow(now: number): void {
    const { accepted, delivered, settled } = this.#inWindow;
    const wasBusy = this.#isBusy;
    this.#isBusy = accepted > RECEIPTS_PER_SECOND_MAX && now < this.#windowStartMs + 2 * WINDOW_MS;
    this.#windowStartMs = now;
    this.#inWindow = { accepted: 0, delivered: 0, settled: 0 };
    if (wasBusy)
      this.line('info', `Receipts in the last second: ${accepted} accepted, ${delivered} delivered, ${settled} settled`, { accepted, delivered, settled });
    if (this.#dropped > 0) this.line('warn', `${this.#dropped} log lines were dropped`, { dropped: this.#dropped });
    this.#dropped = 0;
  }
}

function textLine({ level, msg }: LogLine): string {
  return `${new Date().toISOString().slice(0, 19)}Z ${level.toUpperCase()}: ${escaped(msg)}\n`;
}

function jsonLine({ level, msg, fields }: LogLine): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, msg, ...fields })}\n`;
}

/** No id can start a line of its own, or colour a terminal. */
function escaped(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
