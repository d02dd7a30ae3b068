import { type ClientRequest, request } from 'node:http';

/** Lines answered are forgotten in lots of this many. */
const FORGET_LINES = 10_000;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** One batch stream: lines out, answers in, in the same order. Lines of one turn of the event loop are one write. */
export class StreamClient {
  readonly #request: ClientRequest;
  readonly #waiting: Waiting[] = [];
  #head = 0;
  #lines: string[] = [];
  #rest = '';
  readonly #isGood: (line: string) => boolean;

  /** `isGood`: is this line of an answer as it should be? By default a quorum. */
  constructor(url: string, isGood: (line: string) => boolean = hasQuorum) {
    this.#isGood = isGood;
    this.#request = request(`${url}/api/v1/sync`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' } });
    this.#request.on('response', (response) => {
      response.setEncoding('utf8');
      response.on('data', (text: string) => this.#take(text));
    });
    this.#request.on('error', (error) => this.#fail(error));
    this.#request.on('close', () => this.#fail(new Error('The stream has ended')));
  }

  /** Resolves once this receipt has a good answer; rejects with whatever else is answered. */
  put(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (this.#lines.length === 0) setImmediate(() => this.#flush());
      this.#lines.push(line);
    });
  }

  end(): void {
    this.#request.end();
  }

  #flush(): void {
    this.#request.write(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const waiting = this.#waiting[this.#head];
      this.#head += 1;
      if (this.#isGood(line)) waiting?.resolve();
      else waiting?.reject(new Error(line.slice(0, 200)));
    }
    if (this.#head < FORGET_LINES) return;
    this.#waiting.splice(0, this.#head);
    this.#head = 0;
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0).slice(this.#head)) reject(error);
    this.#head = 0;
  }
}

function hasQuorum(line: string): boolean {
  return line.startsWith('{"status":201');
}

/** A quorum, or what the loser of two contents under one id is told: by its own region at once, or by so many of the others. */
export function hasVerdict(line: string): boolean {
  return hasQuorum(line) || line.includes('"outcome":"refused"') || line.includes('RECEIPT_CONFLICT');
}
