import { toHex } from '../std/bytes.ts';

/** Edwards25519 (RFC 8032 §5.1): enough of it to refuse keys that are none. */
const P = 2n ** 255n - 19n;
const D = modulo(-121_665n * inverse(121_666n));
const SQRT_MINUS_1 = power(2n, (P - 1n) / 4n);
/** Order of the base point. */
const L = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;

/** A point as x/z, y/z, with t = xy/z (RFC 8032 §5.1.4). */
interface Point {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
  readonly t: bigint;
}
const IDENTITY: Point = { x: 0n, y: 1n, z: 1n, t: 0n };

/**
 * Is this a public key that an honest signer can have: 32 bytes in the one canonical encoding of a point of the prime-order group,
 * which is not its identity? Refuses what is not on the curve, points of low order (for which anybody can sign) and mixed ones.
 */
export function isSoundPublicKey(bytes: Uint8Array): boolean {
  const name = toHex(bytes);
  const before = JUDGED.get(name);
  if (before !== undefined) return before;
  const point = decode(bytes);
  const isSound = point !== undefined && !isIdentity(point) && isIdentity(multiply(point, L));
  if (JUDGED.size >= JUDGED_MAX) JUDGED.clear();
  JUDGED.set(name, isSound);
  return isSound;
}
/** The few keys of a policy come again with every certificate, and judging one takes 2 ms. */
const JUDGED = new Map<string, boolean>();
const JUDGED_MAX = 1_024;

/** RFC 8032 §5.1.3, with its refusals. */
function decode(bytes: Uint8Array): Point | undefined {
  if (bytes.length !== 32) return undefined;
  const number = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const sign = number >> 255n;
  const y = number & (2n ** 255n - 1n);
  if (y >= P) return undefined;
  const x = xOf(y);
  if (x === undefined || (x === 0n && sign === 1n)) return undefined;
  const signed = (x & 1n) === sign ? x : P - x;
  return { x: signed, y, z: 1n, t: modulo(signed * y) };
}

function xOf(y: bigint): bigint | undefined {
  const u = modulo(y * y - 1n);
  const v = modulo(D * y * y + 1n);
  const candidate = modulo(u * v ** 3n * power(modulo(u * v ** 7n), (P - 5n) / 8n));
  const square = modulo(v * candidate * candidate);
  if (square === u) return candidate;
  return square === modulo(-u) ? modulo(candidate * SQRT_MINUS_1) : undefined;
}

/** RFC 8032 §5.1.4: also doubles, the formula is complete. */
function add(p: Point, q: Point): Point {
  const a = modulo((p.y - p.x) * (q.y - q.x));
  const b = modulo((p.y + p.x) * (q.y + q.x));
  const c = modulo(2n * p.t * q.t * D);
  const d = modulo(2n * p.z * q.z);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return { x: modulo(e * f), y: modulo(g * h), z: modulo(f * g), t: modulo(e * h) };
}

function multiply(point: Point, times: bigint): Point {
  let sum = IDENTITY;
  let doubled = point;
  for (let rest = times; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) sum = add(sum, doubled);
    doubled = add(doubled, doubled);
  }
  return sum;
}

function isIdentity({ x, y, z }: Point): boolean {
  return x === 0n && y === z;
}

function modulo(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function power(value: bigint, exponent: bigint): bigint {
  let result = 1n;
  let squared = modulo(value);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = modulo(result * squared);
    squared = modulo(squared * squared);
  }
  return result;
}

function inverse(value: bigint): bigint {
  return power(value, P - 2n);
}
