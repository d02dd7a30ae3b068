import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ensureDebian } from '../scripts/debian.ts';

export const PEERS: string = fileURLToPath(new URL('./peers/', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The peers' servers from Debian, not started; the packages of their drivers from npm, whose install scripts nobody needs. */
export function ensurePeers(): void {
  ensureDebian([
    ['etcd-server', '/usr/bin/etcd'],
    ['postgresql-15', '/usr/lib/postgresql/15/bin/postgres'],
    ['redis-server', '/usr/bin/redis-server'],
  ]);
  if (!existsSync(`${PEERS}node_modules/pg`)) npm(PEERS, ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
}

/** Our own package, as it would be published. */
export function build(): void {
  npm(ROOT, ['run', '-s', 'build']);
}

/** Everything goes to stderr: stdout is for results. */
function npm(cwd: string, args: readonly string[]): void {
  execFileSync('npm', args, { cwd, stdio: ['ignore', 2, 2] });
}
