/** Changes that change nothing, by the mutant's name, each with the reason. Where the code moves on, so must these. */
export const EQUIVALENT: ReadonlyMap<string, string> = new Map([
  [
    'src/log/decide.ts `if (turn.conflicts.length === 0) return;`: turn.conflicts.length === 0 → false',
    'Of no conflicts no entry is made either way: a short way.',
  ],
  [
    "src/log/decide-batch.ts `if (head.edge === undefined || items[0] === undefined) return { kind: 'behind', size: head.size };`: head.edge === undefined || items[0] === undefined → false",
    'A mirrored log has its edge, and a batch that ends beyond it has an entry: what the types do not know.',
  ],
  [
    "src/log/decide-batch.ts `if (head.edge === undefined || items[0] === undefined) return { kind: 'behind', size: head.size };`: head.edge === undefined || items[0] === undefined → ((head.edge === undefined) && (items[0] === undefined))",
    'A mirrored log has its edge, and a batch that ends beyond it has an entry: what the types do not know.',
  ],
  [
    'src/log/decide-batch.ts `lastRecordedAt: last === undefined ? head.lastRecordedAt : recordedAt(last.entry),`: last === undefined → false',
    'Appended is never nothing: what the types do not know.',
  ],
  [
    'src/log/decide-batch.ts `refused: refused.length === 0 ? head.refused : head.refused.concat(refused.map((n) => start + n)),`: refused.length === 0 → false',
    'Nothing added to a list gives the same list: a short way.',
  ],
  [
    'src/quorum/certificate.ts `checks.set(name, { name, ok: false, detail: error instanceof Error ? error.message : String(error) });`: error instanceof Error → true',
    'All that is thrown there is an Error.',
  ],
  [
    'src/quorum/certified-range.ts `return isQuorum(policy.quorum, log.refused.length === 0 ? signers : new Set([...signers].filter((region) => !isNamed(log, region, index))));`: log.refused.length === 0 → false',
    'A text without lines names nobody: a short way.',
  ],
  [
    "src/quorum/certified-range.ts `if (root === undefined) throw invalid('The hashes beside the entries are not those of their place');`: root === undefined → false",
    'No root is not the signed one: refused by the next line, in other words.',
  ],
  [
    'src/quorum/cluster.ts `if (!(error instanceof InvalidEvidenceError)) throw error;`: !(error instanceof InvalidEvidenceError) → false',
    'Nothing else is thrown there.',
  ],
  [
    'src/quorum/endorsement.ts `if (near.some((other) => isWithin(text, other))) return false;`: near.some((other) => isWithin(text, other)) → false',
    'A short way: the long one says the same.',
  ],
  ['src/quorum/endorsement.ts `if (other.size < text.size) return false;`: other.size < text.size → true', 'A short way: the long one says the same.'],
  ['src/quorum/endorsement.ts `if (other.size < text.size) return false;`: < → <=', 'A short way: the long one says the same.'],
  [
    'src/quorum/endorsement.ts `return other.refused.length === 0 || (other.refused === text.refused && [...text.signers.keys()].every((region) => other.signers.has(region)));`: other.refused.length === 0 || (other.refused === text.refused && [...text.signers.keys()].every((... → ((other.refused.length === 0) && ((other.refused === text.refused && [...text.signers.keys()].eve...',
    'A short way: the long one says the same.',
  ],
  [
    'src/quorum/endorsement.ts `if (lines.length === 0 || lines === text.refused) return false;`: lines.length === 0 || lines === text.refused → false',
    'A short way: with no lines, or its own, no entry that a text certifies is out of reach.',
  ],
  [
    'src/quorum/endorsement.ts `if (lines.length === 0 || lines === text.refused) return false;`: lines.length === 0 || lines === text.refused → ((lines.length === 0) && (lines === text.refused))',
    'A short way: with no lines, or its own, no entry that a text certifies is out of reach.',
  ],
  [
    'src/quorum/endorsement.ts `const within = lists.flatMap((ranges) => ranges.flatMap(({ first, last }) => [first, last + 1])).filter((index) => index > from && index < to);`: > → >=',
    'The beginning of the span is among the edges anyway, once.',
  ],
  [
    'src/quorum/fork-evidence.ts `checks.set(name, { name, ok: false, detail: error instanceof Error ? error.message : String(error) });`: error instanceof Error → true',
    'All that is thrown there is an Error.',
  ],
  [
    'src/quorum/fork-evidence.ts `if (!(error instanceof JsonSyntaxError)) throw error;`: !(error instanceof JsonSyntaxError) → false',
    'Nothing else is thrown there.',
  ],
  [
    'src/quorum/range-format.ts `if (saltText === undefined || json === undefined) return { entry, held: undefined };`: saltText === undefined || json === undefined → ((saltText === undefined) && (json === undefined))',
    'A line has both or neither.',
  ],
]);
