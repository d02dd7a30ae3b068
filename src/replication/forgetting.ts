import { InvalidEvidenceError } from '../errors.ts';
import { nameSigned, parseLogText } from '../log/log-text.ts';
import type { Clock } from '../ports/clock.ts';
import type { Peer } from '../ports/peer.ts';
import type { Failure } from '../region/failure.ts';
import { logSignatureOf } from '../tlog/checkpoint.ts';
import { parseNote } from '../tlog/note.ts';
import type { VerifierKey } from '../tlog/vkey.ts';
import { within } from './exchange.ts';
import { UNPROVEN } from './flight.ts';

/** Whom to ask, and what about. */
export interface Claim {
  readonly remote: { readonly regionId: string; readonly peer: Peer; readonly timeoutMs: number };
  /** Of the own log. */
  readonly logKey: VerifierKey;
  /** Its entries here, now. */
  readonly ownSize: () => number;
  readonly signal: AbortSignal;
}

/**
 * A remote says that it holds more of our log than we do. A number proves nothing, and to believe it stops a region for good (SPEC
 * §2.1): it must show a checkpoint that our own log key has signed. Then `onForgotten` is told; else resolves to what is wrong with it.
 */
export async function disproved(
  { clock, onForgotten }: { readonly clock: Clock; readonly onForgotten: (reason: string) => void },
  { remote, logKey, ownSize, signal }: Claim,
): Promise<Failure | undefined> {
  const { regionId, peer, timeoutMs } = remote;
  const shown = await within(clock, { timeoutMs, signal, ask: (abort) => peer.shown(abort), otherwise: () => undefined });
  const size = Math.max(0, ...(shown?.checkpoints ?? []).map((note) => signedSize(logKey, note)));
  if (size <= ownSize()) return UNPROVEN;
  onForgotten(`${regionId} shows our checkpoint of ${size} entries of our log, and we hold ${ownSize()}`);
  return undefined;
}

/** 0 of what is no checkpoint of this key. */
function signedSize(logKey: VerifierKey, shown: string): number {
  try {
    const note = parseNote(shown);
    const { origin, size, refused } = parseLogText(note.text);
    const isOurs = origin === logKey.name && logSignatureOf(logKey, note, nameSigned(logKey.name, refused.length > 0)) !== undefined;
    return isOurs ? size : 0;
  } catch (error) {
    if (!(error instanceof InvalidEvidenceError)) throw error;
    return 0;
  }
}
