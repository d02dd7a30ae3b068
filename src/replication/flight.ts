import type { Failure } from '../region/failure.ts';
import type { OwnText } from './checkpoints.ts';
import type { Told } from './telling.ts';

/** Batches in flight: what keeps a link full whatever the distance; the bytes bound memory (SPEC §3.2). */
export const FLIGHTS_MAX = 32;
/** Where so many are in flight, further ones keep a distance: groups that come meanwhile travel together. */
export const FLIGHTS_AT_ONCE = 3;
export const SPACING_MS = 4;
export const FLIGHT_BYTES_MAX: number = 16 * 1024 * 1024;
/** A remote that has forgotten is shown its own cosignature this often, so that it finds out. */
export const SHOW_MS = 30_000;
/** Where nothing is owed the remote is told of the newest texts again after this: what it lost in a crash, and whether it has forgotten. */
export const BEAT_MS = 10_000;
/** The local store could not be read or written: it is asked again after this. */
export const UNREADABLE_MS = 1_000;
/** Answers in a row whose signature is not checked because a later one covers them: every fourth is, whatever follows. */
export const PASSED_OVER_MAX = 3;
export const NOTHING: Uint8Array = new Uint8Array();

/** One batch on its way. */
export interface Flight {
  readonly start: number;
  readonly bytes: number;
  readonly text: OwnText;
  /** `entries` and what else may be owed: the cosignature of a text, the size, the sight of an own cosignature. */
  readonly kind: 'entries' | 'text' | 'ask' | 'show';
  readonly probe: boolean;
  /** What the remote had cosigned when this was sent: an answer may be older than those that came before it. */
  readonly cosigned: number;
  /** The certified text that goes with it. */
  readonly told: Told | undefined;
}

/** Why nobody waits for a remote that holds less than it has cosigned. */
export const FORGOTTEN: Failure = {
  code: 'UNAUTHENTICATED',
  message: 'The region has forgotten what it cosigned',
  retryable: false,
  consequence: 'pause',
  countsAgainst: true,
};
/** Why nobody waits for a region of which two instances send by turns. */
export const TWO_INSTANCES: Failure = {
  code: 'UNAUTHENTICATED',
  message: 'Two instances of the region send by turns: it is not counted until an operator speaks',
  retryable: false,
  consequence: 'pause',
  countsAgainst: true,
};
/** 409s in a row, with nothing else under way and no cosignature between, until the link waits: an honest mirror takes what begins where it said. */
const FUTILE_MAX = 5;
/** … and after that wait it may say so often again where it stands. */
const FUTILE_AGAIN = 3;
/** Counts answers that lead nowhere: a mirror that only ever says where it stands must not be asked as quickly as it answers. */
export class Futility {
  #count = 0;

  /** One more; is it one too many? */
  isTooOften(): boolean {
    this.#count += 1;
    if (this.#count <= FUTILE_MAX) return false;
    this.#count = FUTILE_MAX - FUTILE_AGAIN;
    return true;
  }

  /** A cosignature has come. */
  end(): void {
    this.#count = 0;
  }
}
/** Why the link waits. */
export const FUTILE: Failure = badAnswer('where it stands, again and again, and nothing is taken', 'owed');
/** A claim to hold more of our log than we do, without our signature under it. */
export const UNPROVEN: Failure = badAnswer('a size beyond our log, and no checkpoint of ours that says so', 'pause');
/** Refused lines that the text names, that are not within it, or not in order. */
export const BAD_REFUSAL: Failure = badAnswer('refused lines that are none of this text', 'pause');
/** An answer that is no signature of this text. */
export const BAD_COSIGNATURE: Failure = {
  code: 'UNAUTHENTICATED',
  message: 'Bad answer: a cosignature that does not verify',
  retryable: false,
  consequence: 'pause',
  countsAgainst: true,
};

function badAnswer(problem: string, consequence: Failure['consequence']): Failure {
  return { code: 'BAD_ANSWER', message: `Bad answer: ${problem}`, retryable: false, consequence, countsAgainst: true };
}
