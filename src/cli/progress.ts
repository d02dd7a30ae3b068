/** Quick work needs no bar. */
const SHOW_AFTER_MS = 500;
const REDRAW_MS = 100;
const BAR_WIDTH = 24;

/** How far something has come. `total` 0: not known. */
export interface Measure {
  readonly done: number;
  readonly total: number;
  /** Receipts so far: the rate is theirs. */
  readonly receipts: number;
}

/** A bar on stderr with rate and time left: only on a terminal, only after half a second. */
export class ProgressBar implements Disposable {
  readonly #label: string;
  readonly #startMs = performance.now();
  #drawnMs = Number.NEGATIVE_INFINITY;
  #isShown = false;

  constructor(label: string) {
    this.#label = label;
  }

  show(measure: Measure): void {
    const now = performance.now();
    if (!process.stderr.isTTY || now < this.#startMs + SHOW_AFTER_MS || now < this.#drawnMs + REDRAW_MS) return;
    this.#drawnMs = now;
    this.#isShown = true;
    process.stderr.write(`\r\u001b[K${progressLine(this.#label, measure, now - this.#startMs)}`);
  }

  [Symbol.dispose](): void {
    if (this.#isShown) process.stderr.write('\r\u001b[K');
  }
}

/** One line of at most 80 columns. */
export function progressLine(label: string, { done, total, receipts }: Measure, elapsedMs: number): string {
  const rate = Math.round((receipts * 1_000) / Math.max(1, elapsedMs));
  const counted = `${receipts.toLocaleString('en')} receipts  ${rate.toLocaleString('en')}/s`;
  if (total === 0) return `${label}  ${counted}`;
  const share = Math.min(1, done / total);
  const bar = '█'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '░');
  const leftMs = share === 0 ? undefined : (elapsedMs / share) * (1 - share);
  return `${label} ${bar} ${Math.floor(share * 100)}%  ${counted}  ETA ${leftMs === undefined ? '?' : clockText(leftMs)}`;
}

function clockText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const parts = seconds >= 3_600 ? [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60] : [Math.floor(seconds / 60), seconds % 60];
  return parts.map((part, n) => (n === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
