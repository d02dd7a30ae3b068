/** A line longer than this is none of ours: reading ends there, in the middle of it. */
const LINE_CHARACTERS_MAX = 1024 * 1024;

/** The lines of a text as they come, without their ends; what stands after the last one is a line too. Bytes that are not UTF-8 become U+FFFD. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > LINE_CHARACTERS_MAX) break;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
