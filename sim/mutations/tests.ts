import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Edit } from '../edits/edit.ts';
import { withEdit } from '../edits/run.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Whatever takes longer hangs: that is noticed too. */
const TESTS_MS_MAX = 120_000;

/** Runs test files with an edit until one test fails: its name, or `undefined` where none does. */
export function failingTest(edit: Edit, files: readonly string[]): Promise<string | undefined> {
  if (files.length === 0) return Promise.resolve(undefined);
  const parts = ['-C', 'source', '--import', './sim/edits/load.ts', '--test', '--test-force-exit', '--test-isolation=none', '--test-reporter=tap', ...files];
  // The seed of whatever tests by chance: what is noticed today is noticed tomorrow.
  const child = spawn(process.execPath, parts, { cwd: ROOT, env: { ...withEdit(edit), SEED: '1' }, stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  return new Promise((resolve) => {
    let [said, failed]: [string, string | undefined] = ['', undefined];
    const end = (name: string): void => {
      failed ??= name;
      // With all that it has started: the group is its own.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    const watchdog = setTimeout(() => end('the tests never end'), TESTS_MS_MAX);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const name = /^ *not ok \d+ - (.*)$/m.exec(said)?.[1];
      if (name !== undefined && failed === undefined) end(name);
    });
    child.on('close', (code) => {
      clearTimeout(watchdog);
      resolve(failed ?? (code === 0 ? undefined : `the tests end with ${code}`));
    });
  });
}
