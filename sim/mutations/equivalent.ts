/** Changes that change nothing, by the mutant's name, each with the reason. Where the code moves on, so must these. */
export const EQUIVALENT: ReadonlyMap<string, string> = new Map([]);
