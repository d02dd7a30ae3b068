import type { Shown } from '../../ports/peer.ts';
import type { JsonValue } from '../../std/json.ts';

/** Checkpoints of a hundred logs with their signatures, and evidence of a few. */
export const SHOWN_BYTES_MAX: number = 1024 * 1024;
/** As many logs as a note may have signatures; evidence of as many. */
const TEXTS_MAX = 100;

/** The body of `GET /checkpoints` on the peer listener. */
export function shownJson(region: string, { checkpoints, evidence }: Shown): string {
  return JSON.stringify({ region, checkpoints: checkpoints.slice(0, TEXTS_MAX), evidence: evidence.slice(0, TEXTS_MAX) });
}

/** Reads it; `undefined` for anything else. What the texts say is looked at by whoever compares them. */
export function parseShown(answer: JsonValue | undefined): Shown | undefined {
  if (!(answer instanceof Map)) return undefined;
  const [checkpoints, evidence] = [texts(answer.get('checkpoints')), texts(answer.get('evidence'))];
  return checkpoints === undefined || evidence === undefined ? undefined : { checkpoints, evidence };
}

function texts(value: JsonValue | undefined): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length > TEXTS_MAX) return undefined;
  const strings = value.filter((item: JsonValue) => typeof item === 'string');
  return strings.length === value.length ? strings : undefined;
}
