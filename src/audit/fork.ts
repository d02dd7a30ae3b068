import type { LogText } from '../log/log-text.ts';
import { checkForkEvidence, formatForkEvidence } from '../quorum/fork-evidence.ts';
import type { Note } from '../tlog/note.ts';
import type { Policy } from '../tlog/policy.ts';
import type { Prover } from '../tlog/prover.ts';

/** A checkpoint and what it says. */
interface Shown {
  readonly note: Note;
  readonly text: LogText;
}

/**
 * Evidence that the log's key has signed both what was seen and what is shown now, as a file that verifies by itself; `undefined` where that can't be proved: what
 * was seen is not signed, it is larger than what is shown, or the tree that is shown can't be read so far.
 */
export async function forkEvidence(
  seen: Shown,
  now: Shown,
  { policy, prover }: { readonly policy: Policy; readonly prover: Prover | undefined },
): Promise<string | undefined> {
  const log = policy.logs.find(({ name }) => name === now.text.origin);
  if (log === undefined || seen.text.size > now.text.size) return undefined;
  const needsProof = seen.text.size > 0 && seen.text.size < now.text.size;
  const proof = needsProof ? await prover?.prefix(seen.text.size, now.text.size).catch(() => undefined) : [];
  if (proof === undefined) return undefined;
  const evidence = formatForkEvidence({ log, checkpoints: [seen.note, now.note], proof });
  return checkForkEvidence(evidence).valid ? evidence : undefined;
}
