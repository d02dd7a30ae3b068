import { isNamed, type LogText, parseLogText } from '../../src/log/log-text.ts';
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
  const { text, signers } = readOnce(policy, signed);
  const counting = [...signers].filter((region) => !isNamed(text, region, index));
  return index < text.size && isQuorum(policy.quorum, new Set(counting));
}

/** A note, and whose signatures under it verify. */
interface ReadNote {
  readonly text: LogText;
  readonly signers: readonly string[];
}

/** Thousands of entries are proved by few notes. */
const NOTES = new WeakMap<Policy, Map<string, ReadNote>>();

function readOnce(policy: Policy, signed: string): ReadNote {
  const notes = NOTES.get(policy) ?? new Map<string, ReadNote>();
  NOTES.set(policy, notes);
  const known = notes.get(signed) ?? read(policy, signed);
  notes.set(signed, known);
  return known;
}

function read(policy: Policy, signed: string): ReadNote {
  const note = parseNote(signed);
  const verified = [...policy.witnesses].filter(([, key]) => note.signatures.some((line) => verifyCosignature(key, note.text, line)));
  return { text: parseLogText(note.text), signers: verified.map(([region]) => region) };
}
