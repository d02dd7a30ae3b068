import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { documentedExports, fileLength, glossaryNames, importTable, noLeftovers, noMachine, noWorldInTheCore, RULES, type Rule, typesKept } from './tidy.ts';

const ROOT = new URL('../', import.meta.url);

/** What is in the repo or about to be; what git does not know of can't be judged by it. */
function files(...patterns: readonly string[]): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate', '--', ...patterns], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return listed.split('\n').filter((path) => path !== '');
}

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

test('every file of src/ keeps the rules of the house', () => {
  const findings = files('src/*.ts', 'src/**/*.ts')
    .filter((path) => !path.endsWith('.test.ts'))
    .flatMap((path) => RULES.flatMap((rule) => rule(path, read(path))));
  assert.deepEqual(
    findings.map(({ path, line, problem }) => `${path}:${line} ${problem}`),
    [],
  );
});

test('every other file is short, finished, and names no machine', () => {
  const findings = files('sim', 'test', 'scripts', 'examples', 'bench')
    .filter((path) => path.endsWith('.ts') && !path.startsWith('test/tidy'))
    .flatMap((path) => [fileLength, noLeftovers, noMachine].flatMap((rule) => rule(path, read(path))));
  assert.deepEqual(
    findings.map(({ path, line, problem }) => `${path}:${line} ${problem}`),
    [],
  );
});

test('no document names a machine or a registry', () => {
  const findings = files('*.md', 'docs', 'package.json', 'package-lock.json', '.ci').flatMap((path) => noMachine(path, read(path)));
  assert.deepEqual(findings, []);
});

const offenders: readonly (readonly [string, Rule, string, string])[] = [
  ['replication imports an adapter', importTable, 'src/replication/a.ts', "import { x } from '../adapters/clock.ts';"],
  ['rooms in one brace import each other', importTable, 'src/receipt/a.ts', "import { x } from '../region/circuit.ts';"],
  ['something imports the simulator', importTable, 'src/cli/a.ts', "import { x } from '../../sim/world.ts';"],
  ['a file is too long', fileLength, 'src/log/a.ts', 'x\n'.repeat(401)],
  ['the core asks the time', noWorldInTheCore, 'src/replication/a.ts', 'const now = Date.now();'],
  ['the core reads a file', noWorldInTheCore, 'src/log/a.ts', "import { readFileSync } from 'node:fs';"],
  ['a leftover', noLeftovers, 'src/log/a.ts', '// TODO: later'],
  ['any', typesKept, 'src/log/a.ts', 'function f(x: any) {}'],
  ['a cast', typesKept, 'src/log/a.ts', 'const x = y as Receipt;'],
  ['an export without a word', documentedExports, 'src/log/a.ts', '\nexport function f(): void {}'],
  ['a file of helpers', glossaryNames, 'src/log/helpers.ts', ''],
  ['a type of information', glossaryNames, 'src/log/a.ts', 'export interface ReceiptInfo {}'],
  ['a machine path', noMachine, 'src/log/a.ts', "const path = '/root/x';"],
];
for (const [what, rule, path, text] of offenders) test(`tidy finds it: ${what}`, () => assert.equal(rule(path, text).length, 1));
