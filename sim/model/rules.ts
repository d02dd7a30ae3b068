/**
 * Simplifications of SPEC §3.2 and §4 that look harmless, each to be switched on by itself: the model must find what it breaks, or it
 * could not be trusted where it finds nothing.
 */
export const PLANTED = [
  /** A mirror's `refused` answer names only what it refuses of the batch just sent, not what it refused before. */
  "refused lines only for this batch's entries",
  /** The text with a region's line goes to that region alone; the others, the origin too, cosign the text as it was. */
  'the line sent only to the region that refused',
  /** A mirror cosigns whatever it has stored, as a plain witness does, and says beside it what it refuses. */
  'cosigning without the line',
  /** A mirror that holds more than the text covers cosigns it all the same, since it agrees with all of it. */
  'cosigning a smaller size',
  /** The line is in all later checkpoints, but no new one is made at the present size. */
  'no new text for a line',
  /** What is known of an id is looked up before the turn begins, and another turn may come between. */
  'first content looked up outside the turn',
  /** What a mirror refuses is kept in memory. */
  'refusals forgotten in a restart',
  /** The cosignature leaves before the transaction is durable. */
  'signed before durable',
  /** A verifier counts all who have signed the text, whatever its lines say. */
  'a verifier that does not read the lines',
] as const;

/** One of them. */
export type Planted = (typeof PLANTED)[number];
