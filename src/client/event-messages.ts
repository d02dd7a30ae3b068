import type { SyncEvent } from '../ports/observer.ts';

/** A message must not take more memory than this: ours have a few hundred characters. */
const MESSAGE_CHARACTERS_MAX = 1024 * 1024;

/** Reads server-sent events of `/api/v1/events` (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream). */
export async function* eventMessages(body: AsyncIterable<Buffer>): AsyncGenerator<{ readonly id: string; readonly event: SyncEvent }, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const messages = rest.split('\n\n');
    rest = messages.pop() ?? '';
    if (rest.length > MESSAGE_CHARACTERS_MAX) throw new Error('A message without end');
    for (const message of messages) {
      const fields = new Map(message.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const));
      const kind = fields.get('event');
      const data = fields.get('data');
      if (kind !== undefined && data !== undefined) yield { id: fields.get('id') ?? '', event: eventOf(kind, data) };
    }
  }
}

/** The sidecar is of our making and its events are typed there: names go back to how the library writes them. */
function eventOf(kind: string, data: string): SyncEvent {
  const facts = Object.entries(JSON.parse(data)).map(([key, value]) => [key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), value]);
  return { kind, ...Object.fromEntries(facts) };
}
