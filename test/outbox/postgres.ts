import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../src/cli/demo/region-process.ts';

const START_MS_MAX = 60_000;

/** A PostgreSQL of Debian's, made for one test: real processes, fsync on. */
export interface Postgres extends AsyncDisposable {
  readonly url: string;
}

/** Refuses to run as root, as PostgreSQL does: then it becomes the package's own user. */
export async function startPostgres(): Promise<Postgres> {
  const bin = binaries();
  const folder = mkdtempSync(join(tmpdir(), 'receipt-sync-pg-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? ['setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups'] : [];
  if (isRoot) {
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    for (const path of [folder, data]) chownSync(path, id('-u'), id('-g'));
  }
  const [port = 0] = await freePorts(1);
  const run = (program: string, ...args: readonly string[]): readonly string[] => [...as, join(bin, program), ...args];
  const [initdb = '', ...initArgs] = run('initdb', '-D', data, '-A', 'trust', '-U', 'app', '--no-sync');
  execFileSync(initdb, initArgs, { stdio: 'pipe' });
  const [postgres = '', ...args] = run('postgres', '-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=');
  const server = spawn(postgres, args, { stdio: 'ignore' });
  await untilOpen(port, () => server.exitCode !== null);
  const stop = async (): Promise<void> => {
    const gone = new Promise((resolve) => server.once('exit', resolve));
    // A fast shutdown: connections that are left do not hold it up.
    if (server.exitCode === null) process.kill(server.pid ?? 0, 'SIGINT');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: `postgres://app@127.0.0.1:${port}/postgres`, [Symbol.asyncDispose]: stop };
}

function binaries(): string {
  const root = '/usr/lib/postgresql';
  const [version] = (existsSync(root) ? readdirSync(root) : []).sort((a, b) => Number(b) - Number(a));
  if (version === undefined) throw new Error('The tests need PostgreSQL: scripts/need.ts installs it');
  return join(root, version, 'bin');
}

async function untilOpen(port: number, isGone: () => boolean): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline && !isGone()) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.end());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('PostgreSQL did not start');
}
