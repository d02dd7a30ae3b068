import type { ConfigIssue } from '../errors.ts';
import { isLoopbackHost } from '../std/loopback.ts';

const REGION_ID_BYTES_MAX = 128;
/** Sums of 1,000 regions stay exact, and a weight is never mistaken for a size. */
const WEIGHT_MAX = 1_000_000;
/** Region ids stand in names of keys and logs, in paths and log lines: no white space, control characters, `+`, `/`, `%`, `?`, `#`. */
const REGION_ID = /^[^\s\u0000-\u001f\u007f+/%?#\\]+$/u;

/** What is wrong with a region id. */
export function checkRegionId(id: unknown, named: { readonly path: string; readonly empty: string }): ConfigIssue[] {
  const { path, empty } = named;
  if (id === '' || typeof id !== 'string') return [{ path, message: empty }];
  if (REGION_ID.test(id) && id.isWellFormed() && id !== '.' && id !== '..' && Buffer.byteLength(id) <= REGION_ID_BYTES_MAX) return [];
  const shown = JSON.stringify(id.slice(0, REGION_ID_BYTES_MAX));
  return [{ path, message: `Region ID ${shown} must have at most ${REGION_ID_BYTES_MAX} bytes, no white space and none of + / % ? # \\` }];
}

/** What is wrong with a weight: an integer from 0 (an observer) to a million. */
export function checkWeight(weight: unknown, named: { readonly path: string; readonly who: string }): ConfigIssue[] {
  if (typeof weight === 'number' && Number.isInteger(weight) && weight >= 0 && weight <= WEIGHT_MAX) return [];
  return [{ path: named.path, message: `Weight must be an integer from 0 to ${WEIGHT_MAX} for ${named.who}` }];
}

/** Plain http to another machine. */
export function isOpenHttp(endpoint: string): boolean {
  const url = URL.parse(endpoint);
  return url?.protocol === 'http:' && !isLoopbackHost(url.hostname);
}
