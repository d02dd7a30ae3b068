import { fileURLToPath } from 'node:url';
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import {
  isAwaitExpression,
  isBinaryExpression,
  isCallExpression,
  isConditionalExpression,
  isDoStatement,
  isForStatement,
  isIdentifier,
  isIfStatement,
  isPropertyAccessExpression,
  isWhileStatement,
} from 'typescript/unstable/ast/is';
import { API } from 'typescript/unstable/sync';
import type { Edit } from '../edits/edit.ts';

/** One small change that the tests must notice. */
export interface Mutant extends Edit {
  /** The file, the line of code that it is in, and what becomes of it; the same as long as that code is. */
  readonly name: string;
  readonly line: number;
}

/** What a file is mutated in: the calls that make something durable, or all that it compares. */
export interface Place {
  readonly file: string;
  readonly what: 'commits' | 'comparisons';
}

const ROOT = new URL('../../', import.meta.url);

/** Every mutant of these files. The parser is TypeScript's own; its native process is started for this and ended. */
export function mutantsOf(places: readonly Place[]): readonly Mutant[] {
  const api = new API({ cwd: fileURLToPath(ROOT) });
  try {
    const [project] = api.updateSnapshot({ openProjects: [fileURLToPath(new URL('tsconfig.json', ROOT))] }).getProjects();
    return places.flatMap(({ file, what }) => {
      const source = project?.program.getSourceFile(fileURLToPath(new URL(file, ROOT)));
      if (source === undefined) throw new Error(`${file} is no file of the project`);
      const changes = nodesOf(source).flatMap((node) => (what === 'commits' ? commitChanges(node, source, file) : comparisonChanges(node, source)));
      return named(changes, source, file);
    });
  } finally {
    api.close();
  }
}

interface Change {
  readonly start: number;
  readonly end: number;
  readonly after: string;
}

function nodesOf(source: SourceFile): readonly Node[] {
  const nodes: Node[] = [];
  const visit = (node: Node): void => {
    nodes.push(node);
    node.forEachChild(visit);
  };
  visit(source);
  return nodes;
}

/** A call that makes something durable: not waited for, and left out. */
function commitChanges(node: Node, source: SourceFile, file: string): readonly Change[] {
  if (!isCallExpression(node) || !isDurable(node, file)) return [];
  const call = textOf(node, source);
  if (!isAwaitExpression(node.parent)) return [{ ...spanOf(node, source), after: 'undefined' }];
  const span = spanOf(node.parent, source);
  return [
    { ...span, after: `(void ${call}.catch(() => undefined), ${isAnswered(node) ? 'true' : 'undefined'})` },
    { ...span, after: isAnswered(node) ? 'true' : 'undefined' },
  ];
}

function isDurable(node: Node, file: string): boolean {
  const name = calledName(node);
  return name === 'commit' || (name === 'record' && file.startsWith('src/replication/'));
}

/** `record` says whether it could: a mutant says that it has. */
function isAnswered(node: Node): boolean {
  return calledName(node) === 'record';
}

function calledName(node: Node): string | undefined {
  if (!isCallExpression(node)) return undefined;
  const { expression } = node;
  if (isPropertyAccessExpression(expression) && isIdentifier(expression.name)) return expression.name.text;
  return isIdentifier(expression) ? expression.text : undefined;
}

const OPPOSITE: ReadonlyMap<SyntaxKind, string> = new Map([
  [SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [SyntaxKind.LessThanToken, '<='],
  [SyntaxKind.LessThanEqualsToken, '<'],
  [SyntaxKind.GreaterThanToken, '>='],
  [SyntaxKind.GreaterThanEqualsToken, '>'],
]);

/** Every comparison the other way, `&&` and `||` exchanged, every condition always and never true. */
function comparisonChanges(node: Node, source: SourceFile): readonly Change[] {
  const condition = conditionOf(node);
  if (condition !== undefined) {
    // A loop whose condition is always true only never ends.
    const forced = isIfStatement(node) || isConditionalExpression(node) ? ['true', 'false'] : ['false'];
    return forced.map((after) => ({ ...spanOf(condition, source), after }));
  }
  if (!isBinaryExpression(node)) return [];
  const { left, right, operatorToken } = node;
  const opposite = OPPOSITE.get(operatorToken.kind);
  if (opposite !== undefined) return [{ ...spanOf(operatorToken, source), after: opposite }];
  const joint = operatorToken.kind === SyntaxKind.AmpersandAmpersandToken ? '||' : operatorToken.kind === SyntaxKind.BarBarToken ? '&&' : undefined;
  return joint === undefined ? [] : [{ ...spanOf(node, source), after: `((${textOf(left, source)}) ${joint} (${textOf(right, source)}))` }];
}

function conditionOf(node: Node): Node | undefined {
  if (isIfStatement(node) || isWhileStatement(node) || isDoStatement(node)) return node.expression;
  return isConditionalExpression(node) || isForStatement(node) ? node.condition : undefined;
}

function spanOf(node: Node, source: SourceFile): { readonly start: number; readonly end: number } {
  return { start: node.getStart(source), end: node.end };
}

function textOf(node: Node, source: SourceFile): string {
  return source.text.slice(node.getStart(source), node.end);
}

function named(changes: readonly Change[], { text }: SourceFile, file: string): readonly Mutant[] {
  const seen = new Map<string, number>();
  return changes.map(({ start, end, after }) => {
    const before = text.slice(start, end);
    const lineStart = text.lastIndexOf('\n', start) + 1;
    const code = text.slice(lineStart, text.indexOf('\n', start)).trim();
    const plain = `${file} \`${code}\`: ${short(before)} → ${short(after)}`;
    const count = (seen.get(plain) ?? 0) + 1;
    seen.set(plain, count);
    const line = text.slice(0, start).split('\n').length;
    return { file, start, end, before, after, line, name: count === 1 ? plain : `${plain} (${count})` };
  });
}

function short(text: string): string {
  const flat = text.replace(/\s+/g, ' ');
  return flat.length <= 100 ? flat : `${flat.slice(0, 97)}...`;
}
