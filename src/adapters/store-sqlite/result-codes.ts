/** Primary result codes of SQLite that we tell apart (https://sqlite.org/rescode.html). */
export const SQLITE_BUSY = 5;
/** The disk is full. */
export const SQLITE_FULL = 13;

/** The extended result code of what node:sqlite throws, or 0. */
export function resultCode(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return 0;
  return typeof error.errcode === 'number' ? error.errcode : 0;
}
