/** Our own bug, not the world's: a condition that this code is responsible for did not hold. Stays on in production. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** Throws {@link AssertionFailure} unless `condition` holds. For our own mistakes only; input and networks have typed answers. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionFailure(claim);
}

/** The default of every switch over a union: the compiler refuses a case that was forgotten. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable: ${String(value)}`);
}
