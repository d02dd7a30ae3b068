import type { Dispatcher } from 'undici';
import { GrowingBody } from '../http/growing-body.ts';

/** One request to a remote, and the most that its answer may have. */
export interface HttpCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | null;
  readonly bytesMax: number;
  readonly signal: AbortSignal;
}

/** What came back: any status, and the whole body. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** The answer's body has more bytes than it may. */
export class TooLong extends Error {}

/**
 * Sends one request and gathers its answer. By undici's own handlers: a stream and an iterator for each answer of some hundred
 * bytes cost more than all the rest of a batch's way through the client. Rejects with undici's errors, the signal's reason, or TooLong.
 */
export function httpCall(dispatcher: Dispatcher, call: HttpCall): Promise<HttpAnswer> {
  const { method, path, headers, body, bytesMax, signal } = call;
  return new Promise((resolve, reject) => {
    const gathering = new Gathering({ bytesMax, resolve, reject });
    const stop = (): void => gathering.abort(signal.reason);
    gathering.onEnd = () => signal.removeEventListener('abort', stop);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    else dispatcher.dispatch({ method, path, headers, body }, gathering);
  });
}

interface Ends {
  readonly bytesMax: number;
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Settles once; whatever comes afterwards is passed over. */
class Gathering implements Dispatcher.DispatchHandler {
  onEnd: () => void = () => undefined;
  readonly #ends: Ends;
  readonly #body = new GrowingBody(0);
  #status = 0;
  #headers: HttpAnswer['headers'] = {};
  #controller: Dispatcher.DispatchController | undefined;
  #isSettled = false;

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  /** Before the request has a connection it is ended as soon as it gets one. */
  abort(reason: unknown): void {
    this.#fail(reason instanceof Error ? reason : new Error(String(reason)));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isSettled) controller.abort(ENDED);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: HttpAnswer['headers']): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isSettled) return;
    const { bytesMax } = this.#ends;
    if (this.#body.length + chunk.length > bytesMax || !this.#body.add(chunk)) this.#fail(new TooLong(`more than ${bytesMax} bytes, or too many pieces`));
  }

  onResponseEnd(): void {
    if (!this.#settle()) return;
    this.#ends.resolve({ status: this.#status, headers: this.#headers, body: this.#body.bytes });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settle()) this.#ends.reject(error);
  }

  #fail(error: Error): void {
    if (!this.#settle()) return;
    this.#ends.reject(error);
    this.#controller?.abort(error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.onEnd();
    return true;
  }
}

/** Nobody waits for the request any more. */
const ENDED = new Error('The exchange has ended');
