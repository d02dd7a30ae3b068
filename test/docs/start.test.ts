import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../../docs/start.md', import.meta.url));
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const COMMAND_MS_MAX = 60_000;
/** Between what the shell prints and our word that a command is over. */
const MARK = '--- the command is over ---';

interface Step {
  readonly command: string;
  readonly expected: readonly string[];
}

/** Commands and what they print, of all `console` blocks in order. */
function stepsOf(page: string): readonly Step[] {
  const blocks = [...page.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const [command = '', ...expected] = text.trimEnd().split('\n');
        return { command, expected };
      }),
  );
}

/** A line as printed, `…` standing for anything; a line of `…` alone for any number of lines. */
function pattern(lines: readonly string[]): RegExp {
  const parts = lines.map((line) => (line === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(escaped).join('.*')}\\n`));
  return new RegExp(`^${parts.join('')}$`);
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** One bash for the whole page, as a reader has it. */
class Session {
  readonly #shell: ReturnType<typeof spawn>;
  #output = '';

  constructor(folder: string, path: string) {
    this.#shell = spawn('bash', ['--noprofile', '--norc'], {
      cwd: folder,
      env: { ...process.env, PATH: `${path}:${process.env['PATH']}` },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#shell.stdout?.on('data', (chunk) => (this.#output += chunk));
    this.#shell.stdin?.write('exec 2>&1\n');
  }

  async run(command: string): Promise<string> {
    this.#output = '';
    // The status stays what the page's next command asks for.
    this.#shell.stdin?.write(`${command}\n{ status=$?; echo '${MARK}'; (exit $status); }\n`);
    const deadline = performance.now() + COMMAND_MS_MAX;
    while (!this.#output.includes(MARK)) {
      if (performance.now() > deadline) throw new Error(`${command} did not end:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return this.#output.slice(0, this.#output.indexOf(MARK));
  }

  end(): void {
    this.#shell.stdin?.end();
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(false);
    }).once('error', () => resolve(true));
  });
}

test('docs/start.md: every command prints what the page says', async () => {
  for (const port of [7481, 7482, 7483, 8481, 8482, 8483]) assert.ok(await isFree(port), `the page's port ${port} is taken on this machine`);
  const folder = mkdtempSync(join(tmpdir(), 'receipt-sync-start-'));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'receipt-sync'), `#!/bin/sh\nexec '${process.execPath}' -C source '${MAIN}' "$@"\n`);
  chmodSync(join(bin, 'receipt-sync'), 0o755);
  const session = new Session(folder, bin);
  const steps = stepsOf(readFileSync(PAGE, 'utf8'));
  assert.ok(steps.length > 15, `${steps.length} commands`);
  try {
    for (const { command, expected } of steps) {
      const printed = await session.run(command);
      assert.match(printed, pattern(expected), `$ ${command}\n${printed}`);
    }
  } finally {
    // Whatever went wrong: the processes of the page end by the ids that it wrote.
    await session.run('kill -9 $(cat *.pid) 2> /dev/null');
    session.end();
    rmSync(folder, { recursive: true, force: true });
  }
});
