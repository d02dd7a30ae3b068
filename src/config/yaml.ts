import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { ConfigIssue } from '../errors.ts';
import { OPTIONS, optionAt, suggestion } from './options.ts';
import { type Setting, valueOfYaml } from './values.ts';

/** A file's text and the name it is called in messages. */
export interface ConfigText {
  readonly name: string;
  readonly text: string;
}

interface Reading {
  readonly file: ConfigText;
  readonly lines: LineCounter;
  readonly settings: Map<string, Setting>;
  readonly issues: ConfigIssue[];
}

/** Nobody reads more of them at once, and each unknown key costs a search for what was meant. */
const ISSUES_MAX = 50;

/** Reads YAML 1.2 (core schema, no aliases) into settings by concrete path; everything wrong becomes an issue with line and caret. */
export function readYaml(file: ConfigText): { readonly settings: ReadonlyMap<string, Setting>; readonly issues: readonly ConfigIssue[] } {
  const lines = new LineCounter();
  const document = parseDocument(file.text, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    uniqueKeys: true,
    merge: false,
    prettyErrors: false,
    strict: true,
  });
  const reading: Reading = { file, lines, settings: new Map(), issues: [] };
  for (const problem of [...document.errors, ...document.warnings]) report(reading, problem.pos[0], { path: '', problem: problem.message });
  if (reading.issues.length === 0 && document.contents !== null) readNode(reading, document.contents, '');
  return reading;
}

function readNode(reading: Reading, node: Node, path: string): void {
  const option = optionAt(path);
  if (option === undefined) {
    if (isMap(node)) readMap(reading, node, path);
    else if (isSeq(node) && isPrefix(`${path}[]`)) for (const [n, item] of node.items.entries()) readNode(reading, item as Node, `${path}[${n}]`);
    else
      report(reading, node.range?.[0], {
        path,
        problem: isPrefix(`${path}[]`) ? `${path} must be a list` : `${path === '' ? 'The file' : path} must be a mapping`,
      });
    return;
  }
  const raw = isScalar(node) ? node.value : undefined;
  const read = valueOfYaml(option.type, raw);
  if ('wanted' in read) report(reading, node.range?.[0], { path, problem: `${path} must be ${read.wanted}` });
  else reading.settings.set(path, { value: read.value, source: place(reading, node.range?.[0]), from: 'file' });
}

function readMap(reading: Reading, node: Node, path: string): void {
  if (!isMap(node)) return;
  for (const pair of node.items) {
    if (reading.issues.length >= ISSUES_MAX) return;
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    const offset = isScalar(pair.key) ? pair.key.range?.[0] : node.range?.[0];
    const inner = path === '' ? key : `${path}.${key}`;
    if (!isKnown(inner)) reportUnknown(reading, offset, inner);
    // A key without a value is the key left out.
    else if (pair.value !== null && !(isScalar(pair.value) && pair.value.value === null)) readNode(reading, pair.value as Node, inner);
  }
}

function reportUnknown(reading: Reading, offset: number | undefined, path: string): void {
  const general = path.replaceAll(/\[\d+\]/g, '[]');
  const parent = general.slice(0, Math.max(0, general.lastIndexOf('.')));
  const siblings = OPTIONS.map((option) => option.path).filter((known) => known.startsWith(parent === '' ? '' : `${parent}.`));
  const words = siblings.map((known) => known.slice(parent === '' ? 0 : parent.length + 1).split(/[.[]/)[0] ?? '');
  report(reading, offset, { path, problem: `Unknown key ${path}${suggestion(path.slice(path.lastIndexOf('.') + 1), [...new Set(words)])}` });
}

function isKnown(path: string): boolean {
  const general = path.replaceAll(/\[\d+\]/g, '[]');
  return optionAt(path) !== undefined || isPrefix(`${general}.`) || isPrefix(`${general}[]`);
}

function isPrefix(path: string): boolean {
  const general = path.replaceAll(/\[\d+\]/g, '[]');
  return OPTIONS.some((option) => option.path.startsWith(general));
}

function place(reading: Reading, offset: number | undefined): string {
  const { line, col } = reading.lines.linePos(offset ?? 0);
  return `${reading.file.name}:${line}:${col}`;
}

/** The message with its place, the line itself, and a caret under it. */
function report(reading: Reading, offset: number | undefined, what: { readonly path: string; readonly problem: string }): void {
  const { line, col } = reading.lines.linePos(offset ?? 0);
  const shown = (reading.file.text.split('\n')[line - 1] ?? '').slice(0, 120);
  const message = `${place(reading, offset)}: ${what.problem}\n  ${shown}\n  ${' '.repeat(Math.min(col - 1, 120))}^`;
  reading.issues.push({ path: what.path, message });
}
