import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

/** Tells Debian's packages not to start what they install (/usr/share/doc/init-system-helpers/README.policy-rc.d.gz): who needs servers starts its own. */
const POLICY = '/usr/sbin/policy-rc.d';

/** Installs Debian packages whose file is not there yet: `[package, file that shows it]`. Wants to be root only if something is missing. */
export function ensureDebian(needed: readonly (readonly [string, string])[]): void {
  const missing = needed.filter(([, file]) => !existsSync(file)).map(([name]) => name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) throw new Error(`Needed: ${missing.join(', ')}. Install them, or run as root`);
  const isOurs = !existsSync(POLICY);
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    for (const args of [
      ['update', '-q'],
      ['install', '-qy', '--no-install-recommends', ...missing],
    ]) {
      execFileSync('apt-get', args, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    }
  } finally {
    if (isOurs) rmSync(POLICY);
  }
}
