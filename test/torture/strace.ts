import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The calls that make something durable. */
export const SYNCS = 'fsync,fdatasync';

/** Why nothing can be injected into a process here; `undefined` if it can. Tried once. */
export function straceProblem(): string | undefined {
  problem ??= { is: triedStrace() };
  return problem.is;
}
let problem: { readonly is: string | undefined } | undefined;

function triedStrace(): string | undefined {
  const [program = '', ...args] = straced(`${SYNCS}:error=EIO:when=1`);
  const { status, error, stderr } = spawnSync(program, [...args, 'true'], { encoding: 'utf8' });
  if (error !== undefined) return `strace can't be run: ${error.message}`;
  return status === 0 ? undefined : `strace can't trace here: ${stderr.trim()}`;
}

/** A program line that runs what follows it with an injection of `strace(1)`, as `fsync,fdatasync:error=EIO:when=3`. `log`: where the calls are listed. */
export function straced(injection: string, log = '/dev/null'): readonly string[] {
  return ['strace', '-f', '-qq', '-o', log, '-e', `trace=${SYNCS},${injection.split(':')[0]}`, '-e', `inject=${injection}`];
}

/** The syncs that such a log lists, in order, the one under way included. */
export function syncsIn(log: string): readonly string[] {
  try {
    return [...readFileSync(log, 'utf8').matchAll(/^\d+ +(f(?:data)?sync)\(/gm)].map(([, call = '']) => call);
  } catch {
    // Not written yet.
    return [];
  }
}

/** `when=` counts each call by itself: which of its kind the n-th sync is, where they come in this order. */
export function nthSync(order: readonly string[], n: number): { readonly call: string; readonly when: number } {
  const call = order[n - 1] ?? 'fdatasync';
  return { call, when: order.slice(0, n - 1).filter((each) => each === call).length + 1 + Math.max(0, call === 'fdatasync' ? n - 1 - order.length : 0) };
}

/** An injection into a process that runs. Its calls are listed in `log`. */
export class Injection {
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  readonly #log: string;

  constructor(pid: number, injection: string, log: string) {
    const [program = '', ...args] = straced(injection, log);
    this.#log = log;
    this.#child = spawn(program, [...args, '-p', String(pid)], { stdio: 'ignore' });
    this.#gone = new Promise((resolve, reject) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', reject);
    });
    // Who ends it hears of it.
    this.#gone.catch(() => undefined);
  }

  /** Has the failure met its call? By strace's own word. */
  get isMet(): boolean {
    try {
      return readFileSync(this.#log, 'utf8').includes('(INJECTED');
    } catch {
      // Not written yet.
      return false;
    }
  }

  /** The process goes on without it. */
  async end(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#gone;
  }
}
