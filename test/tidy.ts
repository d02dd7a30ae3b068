/** One thing that is not as it should be. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly problem: string;
}

/** A rule over one file; what it says must be true of every file of `src/`, whoever wrote it. */
export type Rule = (path: string, text: string) => readonly Finding[];

const LINES_MAX = 400;

/** Which rooms a room may import (DESIGN §5). `''` are the files directly in src/. */
export const ROOMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['std', []],
  ['errors', ['std']],
  ['receipt', ['std', 'errors']],
  ['tlog', ['std', 'errors']],
  ['region', ['std', 'errors']],
  ['log', ['std', 'errors', 'receipt', 'tlog', 'region']],
  ['quorum', ['std', 'errors', 'receipt', 'tlog', 'region', 'log']],
  ['retention', ['std', 'errors', 'receipt', 'tlog', 'region', 'log']],
  ['ports', ['std', 'errors', 'receipt', 'tlog', 'region', 'log', 'quorum', 'retention']],
  // Looks for what is not as it was: pure but for the ports that it reads by.
  ['audit', ['std', 'errors', 'receipt', 'tlog', 'region', 'log', 'quorum', 'ports']],
  ['replication', ['std', 'errors', 'receipt', 'tlog', 'region', 'log', 'quorum', 'retention', 'ports']],
  ['adapters', ['std', 'errors', 'receipt', 'tlog', 'region', 'log', 'quorum', 'retention', 'ports']],
  ['config', ['std', 'errors', 'region']],
  ['health', ['region']],
  // The offline verifier: nothing that needs more than a receipt, a certificate and a policy.
  ['verify', ['std', 'errors', 'receipt', 'quorum']],
  ['manager', ['std', 'errors', 'receipt', 'region', 'log', 'quorum', 'ports', 'audit', 'replication', 'adapters']],
  // Of the ports only the events' type: a sidecar's events are the manager's.
  ['client', ['std', 'errors', 'receipt', 'region', 'ports']],
  ['outbox', ['std', 'errors', 'receipt', 'region', 'ports', 'adapters']],
  ['server', ['std', 'errors', 'receipt', 'region', 'log', 'quorum', 'ports', 'audit', 'replication', 'adapters', 'config', 'manager']],
  ['cli', ['std', 'errors', 'receipt', 'tlog', 'region', 'log', 'quorum', 'ports', 'audit', 'adapters', 'config', 'manager', 'client', 'server', 'verify']],
  ['index', ['std', 'errors', 'health', 'receipt', 'region', 'ports', 'replication', 'adapters', 'manager', 'client']],
]);

/** Only these rooms may name the world. */
const WORLDLY: ReadonlySet<string> = new Set(['adapters', 'server', 'cli']);
const WORLD =
  /\b(?:Date\.now|new Date|setTimeout|setInterval|setImmediate|Math\.random|process\.|console\.)|from 'node:(?:fs|net|http|https|child_process|worker_threads|sqlite|os)/;
/** Types of the world are no use of it. */
const TYPE_IMPORT = /^import type /;

export function roomOf(path: string): string {
  return (
    path
      .replace(/^src\//, '')
      .split('/')[0]
      ?.replace(/\.ts$/, '') ?? ''
  );
}

export const importTable: Rule = (path, text) =>
  everyMatch(path, text, /from '(\.[^']+)'/g, ([, specifier = '']) => {
    const target = roomOf(new URL(specifier, `file:///${path}`).pathname.slice(1));
    const room = roomOf(path);
    if (specifier.includes('../sim/') || specifier.includes('../test/')) return 'nobody imports sim or test';
    if (target === room || ROOMS.get(room)?.includes(target) === true) return undefined;
    return ROOMS.has(room) ? `${room} must not import ${target}` : `${room} is no room of the table`;
  });

export const fileLength: Rule = (path, text) => {
  const lines = text.split('\n').length - 1;
  return lines > LINES_MAX ? [{ path, line: lines, problem: `${lines} lines, at most ${LINES_MAX}` }] : [];
};

export const noWorldInTheCore: Rule = (path, text) =>
  everyLine(path, text, (line) =>
    !WORLDLY.has(roomOf(path)) && !TYPE_IMPORT.test(line) && WORLD.test(line.startsWith('import ') ? line : withoutStrings(withoutComment(line)))
      ? 'the world is named outside adapters, server and cli'
      : undefined,
  );

export const noLeftovers: Rule = (path, text) => everyLine(path, text, (line) => (/\b(?:TODO|FIXME|XXX|HACK)\b/.test(line) ? 'a leftover' : undefined));

export const typesKept: Rule = (path, text) =>
  everyLine(path, text, (line) => {
    const code = withoutStrings(withoutComment(line));
    if (/: any\b|<any>|\bas any\b/.test(code)) return 'any';
    if (/@ts-|biome-ignore/.test(line)) return 'a check switched off';
    return /\bas (?!const\b)(?:[A-Z]\w*|never|unknown|string|number)\b/.test(code) &&
      !/^(?:import|export) /.test(code) &&
      !ALLOWED_CASTS.some((cast) => code.includes(cast))
      ? 'a cast'
      : undefined;
  });

/** Brands of a value that was just checked, where the compiler can't follow. */
const ALLOWED_CASTS: readonly string[] = ['as Node', 'as never', 'as AddressInfo'];

export const documentedExports: Rule = (path, text) => {
  const lines = text.split('\n');
  return lines.flatMap((line, n) => {
    const isDeclaration = /^export (?:default |abstract |async )*(?:class|function|interface)\b/.test(line);
    const isOpen = path.endsWith('index.ts') || (lines[n - 1] ?? '').trim().endsWith('*/');
    return isDeclaration && !isOpen && !OBVIOUS.test(line) ? [{ path, line: n + 1, problem: 'an export without a doc comment' }] : [];
  });
};

/** Options, pages and commands whose members carry the comments, or whose name says it all. */
const OBVIOUS =
  /interface \w+(?:Options|Page|Settings|Tally)\b|function (?:check|result|regions|verification|status|send|settled|new|with|parse|typed)\w*\(|interface DeliveryReport/;

export const glossaryNames: Rule = (path, text) => {
  const banned = /(?:^|[a-z-])(?:util|helper|common|misc|base|impl)s?(?:[.A-Z-]|$)/i;
  const file = path.split('/').at(-1) ?? '';
  const names = everyMatch(path, text, /^export (?:class|interface|type) (\w+)/gm, ([, name = '']) =>
    /(?:Util|Helper|Common|Misc|Data|Info|Base|Impl)(?:[A-Z]|s?$)/.test(name) ? `a name of no meaning: ${name}` : undefined,
  );
  return banned.test(file) ? [{ path, line: 1, problem: `a file name of no meaning: ${file}` }, ...names] : names;
};

export const noMachine: Rule = (path, text) =>
  everyLine(path, text, (line) =>
    /(?:^|[^\w.])\/(?:work|root|farm)\/|registry\.[a-z]+\.|https?:\/\/[a-z.]*npm[a-z.]*\//.test(line) ? 'a machine path or a registry host' : undefined,
  );

export const RULES: readonly Rule[] = [importTable, fileLength, noWorldInTheCore, noLeftovers, typesKept, documentedExports, glossaryNames, noMachine];

function everyLine(path: string, text: string, problemOf: (line: string) => string | undefined): readonly Finding[] {
  return text.split('\n').flatMap((line, n) => {
    const problem = problemOf(line);
    return problem === undefined ? [] : [{ path, line: n + 1, problem }];
  });
}

function everyMatch(path: string, text: string, pattern: RegExp, problemOf: (match: RegExpExecArray) => string | undefined): readonly Finding[] {
  return [...text.matchAll(pattern)].flatMap((match) => {
    const problem = problemOf(match);
    return problem === undefined ? [] : [{ path, line: text.slice(0, match.index).split('\n').length, problem }];
  });
}

function withoutComment(line: string): string {
  return /^\s*(?:\/\/|\*|\/\*)/.test(line) ? '' : line.replace(/ \/\/ .*$/, '');
}

function withoutStrings(line: string): string {
  return line.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`/g, "''");
}
