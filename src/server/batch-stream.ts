import type { IncomingMessage, ServerResponse } from 'node:http';
import { tooLarge } from '../adapters/http/body.ts';
import { RECEIPT_BYTES_MAX, receiptOfLine } from '../adapters/http/request.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { type ItemAnswer, itemJson } from './answers.ts';

/** Receipts of one stream that may be without an outcome at once; more are not read before others have theirs. */
const IN_FLIGHT_MAX = 8_192;
/** Reading goes on below this. */
const IN_FLIGHT_LOW = IN_FLIGHT_MAX / 2;
/** Answers that a client has not read: some 16,000. No more lines are taken from one that writes and never reads, until it has read these. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024;

/** What becomes of the lines. */
export interface Lines {
  /** Syncs one receipt; never rejects: what goes wrong is its answer. */
  readonly sync: (receipt: Receipt) => Promise<ItemAnswer>;
  /** The answer to a line that holds none. */
  readonly bad: (error: Error) => ItemAnswer;
}

/**
 * The batch stream (CONTRACT §4): one line per receipt in, one line per receipt out, in request order, each as soon as it and those
 * before it have their outcome. Resolves when the request has ended and all is answered, or the connection is gone.
 */
export async function batchStream(request: IncomingMessage, response: ServerResponse, lines: Lines): Promise<void> {
  const stream = new BatchStream(request, response, lines);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  await stream.run();
}

class BatchStream {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #lines: Lines;
  /** Answers in request order; undefined: not yet. `#head` is the first that has not been written. */
  #answers: (string | undefined)[] = [];
  #head = 0;
  /** Answers written and dropped from the front of `#answers`: slots are counted from the first line on. */
  #written = 0;
  #inFlight = 0;
  #rest: Buffer = Buffer.alloc(0);
  /** In a line that is too long and has its answer: the rest of it is passed over. */
  #isPassing = false;
  #ended = false;
  #isFlushing = false;
  #done: () => void = () => undefined;

  constructor(request: IncomingMessage, response: ServerResponse, lines: Lines) {
    this.#request = request;
    this.#response = response;
    this.#lines = lines;
  }

  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#request.on('data', (chunk: Buffer) => this.#take(chunk));
      this.#request.on('end', () => this.#end());
      this.#request.on('error', () => resolve());
      this.#response.on('close', () => resolve());
      this.#response.on('drain', () => this.#resumeIfLow());
    });
  }

  #take(chunk: Buffer): void {
    let start = 0;
    for (let newline = chunk.indexOf(0x0a); newline !== -1; newline = chunk.indexOf(0x0a, start)) {
      const line = chunk.subarray(start, newline);
      if (!this.#isPassing) this.#line(this.#rest.length === 0 ? line : Buffer.concat([this.#rest, line]));
      this.#isPassing = false;
      this.#rest = Buffer.alloc(0);
      start = newline + 1;
    }
    if (start < chunk.length && !this.#isPassing) this.#rest = Buffer.concat([this.#rest, chunk.subarray(start)]);
    if (this.#rest.length > RECEIPT_BYTES_MAX) this.#passOver();
    if (this.#inFlight >= IN_FLIGHT_MAX) this.#request.pause();
  }

  /** Answered before its end is seen, as it would be at its end: how a client's bytes are cut on the way decides nothing, and memory stays bounded. */
  #passOver(): void {
    this.#line(this.#rest);
    this.#rest = Buffer.alloc(0);
    this.#isPassing = true;
  }

  #end(): void {
    if (this.#rest.length > 0) this.#line(this.#rest);
    this.#ended = true;
    this.#flushSoon();
  }

  #line(line: Buffer): void {
    if (line.length === 0 || (line.length === 1 && line[0] === 0x0d)) return;
    const slot = this.#reserve();
    const item = line.length > RECEIPT_BYTES_MAX ? tooLarge(RECEIPT_BYTES_MAX) : receiptOfLine(line);
    if (item instanceof Error) {
      this.#put(slot, itemJson(this.#lines.bad(item)));
      return;
    }
    void this.#lines.sync(item).then((answer) => this.#put(slot, itemJson(answer)));
  }

  #reserve(): number {
    this.#inFlight += 1;
    return this.#answers.push(undefined) - 1 + this.#written;
  }

  #put(slot: number, json: string): void {
    this.#answers[slot - this.#written] = json;
    this.#inFlight -= 1;
    if (slot - this.#written === this.#head) this.#flushSoon();
  }

  /** One write for all that got their outcome in the same breath. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    let text = '';
    while (this.#answers[this.#head] !== undefined) {
      text += `${this.#answers[this.#head]}\n`;
      this.#head += 1;
    }
    if (this.#head > 1_024 || this.#head === this.#answers.length) {
      this.#answers = this.#answers.slice(this.#head);
      this.#written += this.#head;
      this.#head = 0;
    }
    if (text !== '') this.#response.write(text);
    if (this.#response.writableLength > UNREAD_BYTES_MAX) this.#request.pause();
    this.#resumeIfLow();
    if (!this.#ended || this.#answers.length > this.#head) return;
    this.#response.end();
    this.#done();
  }

  #resumeIfLow(): void {
    if (this.#request.isPaused() && !this.#ended && this.#inFlight < IN_FLIGHT_LOW && !this.#response.writableNeedDrain) this.#request.resume();
  }
}
