import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

/** What tests need from Debian, and the file that shows it is there. Installed here, so that nothing has to be by hand. */
const NEEDED: readonly (readonly [string, string])[] = [
  ['strace', '/usr/bin/strace'],
  ['git', '/usr/bin/git'],
  ['openssl', '/usr/bin/openssl'],
  ['postgresql', '/usr/lib/postgresql'],
];
/** Tells Debian's packages not to start what they install (/usr/share/doc/init-system-helpers/README.policy-rc.d.gz): tests start their own. */
const POLICY = '/usr/sbin/policy-rc.d';

const missing = NEEDED.filter(([, file]) => !existsSync(file)).map(([name]) => name);
if (missing.length > 0) {
  if (process.getuid?.() !== 0) throw new Error(`The tests need ${missing.join(', ')}: install them, or run as root`);
  install(missing);
}

function install(packages: readonly string[]): void {
  const isOurs = !existsSync(POLICY);
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    for (const args of [
      ['update', '-q'],
      ['install', '-qy', '--no-install-recommends', ...packages],
    ]) {
      execFileSync('apt-get', args, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    }
  } finally {
    if (isOurs) rmSync(POLICY);
  }
}
