/** One URL path segment of any text: percent-encoded, and safe from parsers that take `.` or `..` for a step (RFC 3986 §5.2.4). */
export function pathSegment(text: string): string {
  const encoded = encodeURIComponent(text);
  return /^\.{1,2}$/.test(encoded) ? encoded.replaceAll('.', '%2E') : encoded;
}
