import { isNamed, parseLogText } from '../../src/log/log-text.ts';
import type { RecoveredLog } from '../../src/ports/log-store.ts';
import type { Place } from '../../src/ports/receipt-index.ts';
import { verifyCosignature } from '../../src/tlog/cosignature.ts';
import { parseNote } from '../../src/tlog/note.ts';
import { isQuorum } from '../../src/tlog/policy.ts';
import type { Host } from '../host.ts';

/** Can the notes on this disk prove the entry to a verifier? Judged by what is signed alone, not by what the region believes. */
export function provesEntry({ disk, signing }: Host, { log, index }: Place): boolean {
  const known = disk.logs.get(log);
  return signing !== undefined && known !== undefined && notesOf(known).some((note) => certifies(signing.cluster.policy, note, index));
}

function notesOf({ certified, kept }: RecoveredLog): readonly string[] {
  return [...(certified === undefined ? [] : [certified]), ...kept].map(({ note }) => note);
}

type Policy = NonNullable<Host['signing']>['cluster']['policy'];

function certifies(policy: Policy, signed: string, index: number): boolean {
  const note = parseNote(signed);
  const text = parseLogText(note.text);
  const counting = [...policy.witnesses].filter(
    ([region, key]) => !isNamed(text, region, index) && note.signatures.some((line) => verifyCosignature(key, note.text, line)),
  );
  return index < text.size && isQuorum(policy.quorum, new Set(counting.map(([region]) => region)));
}
