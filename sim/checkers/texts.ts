import { type LogText, parseLogText } from '../../src/log/log-text.ts';

/** Several checkers look at each text one after the other. */
let last: { readonly signed: string; readonly text: LogText } | undefined;

/** What is signed, read once for all of them. Throws what `parseLogText` throws. */
export function readText(signed: string): LogText {
  if (last?.signed !== signed) last = { signed, text: parseLogText(signed) };
  return last.text;
}
