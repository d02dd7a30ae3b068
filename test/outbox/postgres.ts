import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePorts } from '../../src/cli/demo/region-process.ts';

const START_MS_MAX = 60_000;
/** Connections that are left after so long do not hold up the end. */
const SMART_STOP_MS_MAX = 3_000;

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
  const url = `postgres://app@127.0.0.1:${port}/postgres`;
  await untilReady(url, () => server.exitCode !== null);
  const stop = async (): Promise<void> => {
    const gone = new Promise((resolve) => server.once('exit', resolve));
    const signal = (name: NodeJS.Signals): void => {
      if (server.exitCode === null && server.signalCode === null) process.kill(server.pid ?? 0, name);
    };
    // A smart shutdown first: `pool.end()` resolves before its connections are closed, and a fast one would throw at those.
    signal('SIGTERM');
    const fast = setTimeout(() => signal('SIGINT'), SMART_STOP_MS_MAX);
    await gone;
    clearTimeout(fast);
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, [Symbol.asyncDispose]: stop };
}

function binaries(): string {
  const root = '/usr/lib/postgresql';
  const [version] = (existsSync(root) ? readdirSync(root) : []).sort((a, b) => Number(b) - Number(a));
  if (version === undefined) throw new Error('The tests need PostgreSQL: scripts/need.ts installs it');
  return join(root, version, 'bin');
}

/** Its port is open before it takes connections: "the database system is starting up". So it is asked. */
async function untilReady(url: string, isGone: () => boolean): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline && !isGone()) {
    if (await answers(url)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('PostgreSQL did not start');
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  const asked = client.connect().then(() => client.query('SELECT 1'));
  const isReady = await asked.then(
    () => true,
    () => false,
  );
  await client.end();
  return isReady;
}
