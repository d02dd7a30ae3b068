/** What one look has found. `fix` is what to do about it; a finding that is well has none. */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly fix?: string;
}

/** All is well. */
export function ok(check: string, detail: string): Finding {
  return { check, level: 'ok', detail };
}

/** It works, and somebody should look at it. */
export function warn(check: string, detail: string, fix: string): Finding {
  return { check, level: 'warn', detail, fix };
}

/** It does not work until it is mended. */
export function fail(check: string, detail: string, fix: string): Finding {
  return { check, level: 'fail', detail, fix };
}
