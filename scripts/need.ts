import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** What tests need from Debian, and the program that shows it is there. Installed here, so that nothing has to be by hand. */
const NEEDED: readonly (readonly [string, string])[] = [
  ['strace', '/usr/bin/strace'],
  ['git', '/usr/bin/git'],
];

const missing = NEEDED.filter(([, program]) => !existsSync(program)).map(([name]) => name);
if (missing.length > 0) {
  if (process.getuid?.() !== 0) throw new Error(`The tests need ${missing.join(', ')}: install them, or run as root`);
  for (const args of [
    ['update', '-q'],
    ['install', '-qy', '--no-install-recommends', ...missing],
  ]) {
    execFileSync('apt-get', args, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  }
}
