/** What `ask` gives for each, in order, with at most `ahead` asked for and not yet taken. */
export async function* inOrder<In, Out>(all: Iterable<In>, ahead: number, ask: (each: In) => Promise<Out>): AsyncGenerator<Out, void, undefined> {
  const asked: Promise<Out>[] = [];
  try {
    for (const each of all) {
      const answer = ask(each);
      // Its failure is met where it is taken, or not at all.
      answer.catch(() => undefined);
      asked.push(answer);
      if (asked.length < ahead) continue;
      const [first] = asked;
      if (first !== undefined) yield await first;
      asked.shift();
    }
    for (const each of asked) yield await each;
  } finally {
    // One failure ends it; the others of that moment are nobody's any more.
    await Promise.allSettled(asked);
  }
}
