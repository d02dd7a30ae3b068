import { ReceiptSyncError } from '../errors.ts';
import { type LogText, nameSigned } from '../log/log-text.ts';
import { logSigner } from '../quorum/log-signature.ts';
import { isOf, verifyCosignature } from '../tlog/cosignature.ts';
import type { Note, NoteSignature } from '../tlog/note.ts';
import { isQuorum, type Policy } from '../tlog/policy.ts';
import { keyIdOf, TYPE_ED25519 } from '../tlog/vkey.ts';
import type { Findings } from './finding.ts';

/** A checkpoint as it was read. */
export interface ReadCheckpoint {
  readonly note: Note;
  readonly text: LogText;
}

/** Who has signed a checkpoint. */
export interface Signed {
  /** The log's own signature is there and verifies. */
  readonly byLog: boolean;
  /** Regions, by the policy's names. */
  readonly signers: readonly string[];
  /** Do they reach the policy's quorum? */
  readonly certified: boolean;
}

/**
 * Checks every signature line. A verifier ignores lines of keys that it does not know (C2SP signed-note); an audit by a cluster's own policy knows
 * all that there can be, so that a line of nobody is one that was changed. `knowsAll`: false where only some keys were given.
 */
export function checkSignatures(
  { note, text }: ReadCheckpoint,
  { policy, knowsAll, findings }: { readonly policy: Policy; readonly knowsAll: boolean; readonly findings: Findings },
): Signed {
  const bad = (message: string): void => findings.add({ kind: 'signature', log: text.origin, message });
  const byLog = isSignedByLog(policy, { note, text }, bad);
  const signers = new Set<string>();
  for (const line of note.signatures) {
    if (isOfLog(policy, text, line)) continue;
    const [region, key] = [...policy.witnesses].find(([, witness]) => isOf(witness, line)) ?? [];
    if (region === undefined || key === undefined) {
      if (knowsAll) bad(`A signature line of ${line.name.slice(0, 200)} is of no key of the policy`);
    } else if (!verifyCosignature(key, note.text, line)) bad(`The cosignature of ${region} does not verify`);
    else signers.add(region);
  }
  return { byLog, signers: [...signers], certified: policy.quorum.kind !== 'none' && isQuorum(policy.quorum, signers) };
}

function isSignedByLog(policy: Policy, { note, text }: ReadCheckpoint, bad: (message: string) => void): boolean {
  try {
    logSigner(policy, note, text);
    return true;
  } catch (error) {
    if (!(error instanceof ReceiptSyncError)) throw error;
    bad(error.message);
    return false;
  }
}

/** Of the key that `logSigner` looks for; a line of another key id under that name is nobody's. */
function isOfLog({ logs }: Policy, { origin, refused }: LogText, line: NoteSignature): boolean {
  const name = nameSigned(origin, refused.length > 0);
  return logs.some((key) => key.name === origin && line.name === name && line.keyId === keyIdOf(name, TYPE_ED25519, key.publicKey));
}
