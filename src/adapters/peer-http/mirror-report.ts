import { InvalidEvidenceError } from '../../errors.ts';
import { SIZE_MEDIA_TYPE } from '../../log/batch.ts';
import { parseMirrorWord } from '../../log/mirror-answer.ts';
import type { MirrorReport } from '../../ports/peer.ts';
import { utf8Text } from '../../std/bytes.ts';
import { badAnswer, statusFailure } from './failures.ts';

/** What a mirror's HTTP answer says (SPEC §3.2). Anything that is not exactly one of its forms is a failure. */
export function mirrorReport(answer: {
  readonly status: number;
  readonly type: string | undefined;
  readonly retryAfter: string | undefined;
  readonly body: Uint8Array;
}): MirrorReport {
  const { status, type, retryAfter } = answer;
  const text = utf8Text(answer.body) ?? '';
  if (status === 409 && type === SIZE_MEDIA_TYPE) return sizeReport(text);
  if (status !== 200) return { kind: 'failed', failure: statusFailure(status, retryAfter) };
  try {
    return parseMirrorWord(text);
  } catch (error) {
    if (!(error instanceof InvalidEvidenceError)) throw error;
    return { kind: 'failed', failure: badAnswer(error.message) };
  }
}

function sizeReport(text: string): MirrorReport {
  const size = Number(text.trimEnd());
  if (/^(?:0|[1-9]\d{0,15})\n?$/.test(text) && Number.isSafeInteger(size)) return { kind: 'size', size };
  return { kind: 'failed', failure: badAnswer('409 without a size') };
}
