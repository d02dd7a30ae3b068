const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const IPV4_LOOPBACK = new RegExp(`^(?:::ffff:)?127(?:\\.${OCTET}){3}$`, 'i');

/** Is this an address of this machine alone (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3), in whatever family it is written? A name such as `127.0.0.1.example.com` is none. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (address === '::1' || IPV4_LOOPBACK.test(address));
}

/** The same for what stands in a URL, a Host header or a configuration, where `localhost` is a name for it and IPv6 may be in brackets. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || isLoopback(name);
}
