/** One line of an answer that is read line by line. */
const LINE_CHARACTERS_MAX = 1024 * 1024;

/** The lines of a text as they come, without their ends; an unfinished last one is none. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > LINE_CHARACTERS_MAX) return;
  }
}
