import type { Refusal } from '../adapters/http/route.ts';
import type { Level } from '../adapters/observers/log-lines.ts';

/** Lines about refused requests in one second; more are counted. A flood of bad requests must not become a flood of lines. */
const LINES_PER_SECOND_MAX = 20;
const WINDOW_MS = 1_000;
/** Negative answers that say nothing is wrong, and those that the store's and the conflicts' own events tell. */
const SILENT: ReadonlySet<string> = new Set(['NOT_FOUND', 'RECEIPT_CONFLICT', 'OVERLOADED', 'STORE_FAILED', 'CLOSED', 'INTERNAL']);

/** One line for each request, or receipt of a batch, that was refused for what it is. */
export class RefusalLog {
  readonly refused: (refusal: Refusal) => void;
  readonly #line: (level: Level, msg: string, fields: Readonly<Record<string, string | number>>) => void;
  #inWindow = 0;

  constructor(line: (level: Level, msg: string, fields: Readonly<Record<string, string | number>>) => void) {
    this.#line = line;
    this.refused = (refusal) => this.#take(refusal);
  }

  #take({ request, status, code, place, detail }: Refusal): void {
    if (SILENT.has(code)) return;
    // The window is a timer's, so that the count of a flood is told also when nothing follows it.
    if (this.#inWindow === 0) setTimeout(() => this.#closeWindow(), WINDOW_MS).unref();
    this.#inWindow += 1;
    if (this.#inWindow > LINES_PER_SECOND_MAX) return;
    this.#line('warn', `Refused ${request}: ${status} ${code}${place === undefined ? '' : ` (${place})`}: ${detail}`, { status, code });
  }

  #closeWindow(): void {
    const more = this.#inWindow - LINES_PER_SECOND_MAX;
    this.#inWindow = 0;
    if (more > 0) this.#line('warn', `${more} more requests were refused`, { refused: more });
  }
}
