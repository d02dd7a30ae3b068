/** The entries of a bundle (C2SP tlog-tiles, "Log entries"): exactly `count`, or what is wrong with it. */
export function parseBundle(bytes: Uint8Array, count: number): readonly Uint8Array[] | string {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + 2 + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
    if (at + 2 > bytes.length || end > bytes.length) return 'ends within an entry';
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries.length === count ? entries : `has ${entries.length} entries, not ${count}`;
}

/** The bytes of its first `count` entries, as far as they are there. */
export function bundleStart(bytes: Uint8Array, count: number): Uint8Array {
  let at = 0;
  for (let n = 0; n < count && at < bytes.length; n += 1) at += 2 + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  return bytes.subarray(0, at);
}
