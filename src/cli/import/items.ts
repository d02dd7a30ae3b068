import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { receiptJson } from '../../receipt/wire.ts';
import { utf8Text } from '../../std/bytes.ts';
import { commitReceipt } from '../demo/sources.ts';
import { CommandFailure, EXIT } from '../exit.ts';

/** A line longer than this is no receipt: it is cut, and refused by the sidecar for its length. */
const LINE_BYTES_MAX = 65_537;

/** One receipt to import. */
export interface ImportItem {
  /** JSON, without newline. */
  readonly line: string;
  /** Its number in the source, from 1. */
  readonly number: number;
  /** How far the source is read, in its own measure: bytes of a file, commits of a history. */
  readonly position: number;
}

/** What is imported. */
export interface ImportSource {
  /** For the progress bar; 0: not known. */
  readonly total: number;
  /** Where progress is kept unless told otherwise; `undefined`: nowhere. */
  readonly progressFile: string | undefined;
  items(): AsyncIterable<ImportItem>;
}

/** ndjson of a file or of stdin, or the commits of a git repository, oldest first. */
export async function importSource(format: string, from: string): Promise<ImportSource> {
  if (format === 'git') return gitSource(from);
  if (from === '-') return { total: 0, progressFile: undefined, items: () => lineItems(process.stdin) };
  const found = await stat(from).catch(() => undefined);
  if (found === undefined || !found.isFile()) throw new CommandFailure(EXIT.noInput, `Can't read ${from}: it is no file`);
  return { total: found.size, progressFile: `${from}.progress`, items: () => lineItems(createReadStream(from, { highWaterMark: 1024 * 1024 })) };
}

async function gitSource(folder: string): Promise<ImportSource> {
  const directory = (await git(folder, 'rev-parse', '--absolute-git-dir')).trim();
  const total = Number(await git(folder, 'rev-list', '--count', 'HEAD'));
  return { total, progressFile: `${directory}/receipt-sync-import.progress`, items: () => commitItems(folder) };
}

/** Commits, parents before children, so that a transaction comes before the next one. */
async function* commitItems(folder: string): AsyncGenerator<ImportItem> {
  const child = spawn('git', ['-C', folder, 'log', '--reverse', '--topo-order', '--format=%H %T %P', 'HEAD'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    for await (const { line, number } of lineItems(child.stdout)) yield { line: receiptJson(commitReceipt(line)), number, position: number };
  } finally {
    child.kill();
  }
}

async function git(folder: string, ...args: readonly string[]): Promise<string> {
  const child = spawn('git', ['-C', folder, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  const [code] = await once(child, 'close').catch((error: unknown) => {
    throw new CommandFailure(EXIT.noInput, 'git can not be run: install it, or import ndjson', { cause: error });
  });
  if (code !== 0) throw new CommandFailure(EXIT.noInput, `${folder} holds no git history`);
  return out;
}

/** Lines with their place in the bytes. The sidecar judges them: only their length is looked at here. */
async function* lineItems(input: Readable): AsyncGenerator<ImportItem> {
  let rest = Buffer.alloc(0);
  let position = 0;
  let number = 0;
  for await (const chunk of input) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let newline = bytes.indexOf(0x0a); newline !== -1; newline = bytes.indexOf(0x0a, start)) {
      number += 1;
      position += newline + 1 - start;
      const line = textOf(bytes.subarray(start, newline));
      start = newline + 1;
      if (line !== '') yield { line, number, position };
    }
    rest = bytes.subarray(start);
    if (rest.length > LINE_BYTES_MAX) throw new CommandFailure(EXIT.badData, `Line ${number + 1} is longer than ${LINE_BYTES_MAX - 1} bytes`);
  }
  const line = textOf(rest);
  if (line !== '') yield { line, number: number + 1, position: position + rest.length };
}

/** What is not UTF-8 must not become another receipt by being repaired: it goes on as a text, which the sidecar refuses. */
function textOf(bytes: Buffer): string {
  return (utf8Text(bytes) ?? '"This line is not UTF-8"').trim();
}
