import type { IncomingMessage, ServerResponse } from 'node:http';
import { OverloadedError } from '../errors.ts';
import type { ReceiptSyncManager } from '../manager.ts';
import type { SyncEvent } from '../ports/observer.ts';

/** Readers of events at once; each may hold its share of memory. */
const READERS_MAX = 64;
const OVERLOAD_RETRY_AFTER_MS = 5_000;
/** A line for proxies that close what is silent. */
const HEARTBEAT_MS = 15_000;

/** `GET /api/v1/events`: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export class EventStreams {
  readonly #manager: ReceiptSyncManager;
  #readers = 0;

  constructor(manager: ReceiptSyncManager) {
    this.#manager = manager;
  }

  /**
   * Sends events until the reader goes: `id`, `event` = kind, `data` = the event as JSON. With `Last-Event-ID` it goes on after that
   * event; a position that is lost, or a reader too slow, gets `event: resync`: ask for the state anew.
   */
  async send(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#readers >= READERS_MAX) throw new OverloadedError('Too many read events', OVERLOAD_RETRY_AFTER_MS);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const heartbeat = setInterval(() => response.write(':\n\n'), HEARTBEAT_MS);
    this.#readers += 1;
    try {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
      response.write('retry: 1000\n\n');
      const lastEventId = [request.headers['last-event-id'] ?? []].flat()[0];
      for await (const { id, event } of this.#manager.eventsAfter(lastEventId, { signal: gone.signal })) {
        if (!response.write(messageOf(id, event))) await drained(response, gone.signal);
      }
      response.end();
    } finally {
      clearInterval(heartbeat);
      this.#readers -= 1;
    }
  }
}

function messageOf(id: string, { kind, ...facts }: SyncEvent): string {
  const data = Object.fromEntries(Object.entries(facts).map(([key, value]) => [snakeCase(key), value]));
  return `id: ${id}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** `receiptId` → `receipt_id`: as everywhere on the wire. */
function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      response.off('drain', end);
      gone.removeEventListener('abort', end);
      resolve();
    };
    response.on('drain', end);
    gone.addEventListener('abort', end);
    if (gone.aborted) end();
  });
}
