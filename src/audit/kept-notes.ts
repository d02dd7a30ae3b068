import { ReceiptSyncError } from '../errors.ts';
import { type LogText, parseLogText } from '../log/log-text.ts';
import type { LogClaim } from '../ports/audited-store.ts';
import type { RemoteCosigned } from '../ports/log-store.ts';
import { cosigners } from '../quorum/certificate.ts';
import { logSigner } from '../quorum/log-signature.ts';
import { equalBytes, sha256, toHex, utf8Bytes } from '../std/bytes.ts';
import { type Note, parseNote } from '../tlog/note.ts';
import { isQuorum, type Policy } from '../tlog/policy.ts';
import type { Tell } from './finding.ts';
import type { AuditedTree } from './stored-tree.ts';

/** What is kept of signatures over one log. */
export interface KeptNotes {
  readonly claim: LogClaim;
  readonly cosigned: readonly RemoteCosigned[];
  readonly policy: Policy;
  readonly tree: AuditedTree;
}

/** Does every checkpoint that is kept of a log verify, and is its root that of the tree at its size? */
export async function checkClaims({ claim, cosigned, policy, tree }: KeptNotes, tell: Tell): Promise<void> {
  const look = async (what: string, kept: { readonly size: number; readonly note: string }, check: (note: Note) => void): Promise<void> => {
    const text = readable(what, kept, { check, policy }, tell);
    if (text === undefined || text.size > tree.size) return;
    if (!equalBytes(await tree.prover.root(text.size), text.root)) tell('root', `${what} at size ${text.size} has another root than the entries`);
  };
  for (const certified of [...(claim.certified === undefined ? [] : [claim.certified]), ...claim.kept]) {
    await look('The certified checkpoint', certified, (note) => {
      if (!isQuorum(policy.quorum, cosigners(policy, note.text, note.signatures))) throw invalid('Too few regions have signed it');
    });
  }
  for (const { region, ...kept } of cosigned) {
    await look(`The checkpoint that ${region} has cosigned`, kept, (note) => {
      if (!cosigners(policy, note.text, note.signatures).has(region)) throw invalid('The signature is not its own');
    });
  }
  for (const text of claim.texts) {
    await look('A cosigned text', text, (note) => {
      if (toHex(sha256(utf8Bytes(note.text))) !== text.hash) throw invalid('It is not the text that was cosigned');
    });
  }
}

/** The text, if it can be read and is signed as it should be. */
function readable(
  what: string,
  { size, note: signed }: { readonly size: number; readonly note: string },
  { check, policy }: { readonly check: (note: Note) => void; readonly policy: Policy },
  tell: Tell,
): LogText | undefined {
  try {
    const note = parseNote(signed);
    const text = parseLogText(note.text);
    if (text.size !== size) throw invalid(`It is of size ${text.size}`);
    logSigner(policy, note, text);
    check(note);
    return text;
  } catch (error) {
    if (!(error instanceof ReceiptSyncError)) throw error;
    tell('signature', `${what} at size ${size}: ${error.message}`);
    return undefined;
  }
}

function invalid(problem: string): ReceiptSyncError {
  return new ReceiptSyncError('INVALID_EVIDENCE', problem);
}
