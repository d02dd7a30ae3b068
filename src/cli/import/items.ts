import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { receiptJson } from '../../receipt/wire.ts';
import { utf8Text } from '../../std/bytes.ts';
import { commitReceipt } from '../demo/sources.ts';
import { CommandFailure, EXIT } from '../exit.ts';

/** CONTRACT §4. A longer line is no receipt: no more of it is kept, and it is refused by the sidecar for its length. */
const LINE_BYTES_MAX = 65_536;
/** What stands for it there: text that is too long too. */
const TOO_LONG = `"${'-'.repeat(LINE_BYTES_MAX)}"`;

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
  const child = spawn('git', ['-C', folder, 'log', '--reverse', '--topo-order', '--no-show-signature', '--format=%H %T %P', 'HEAD'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'close');
  try {
    for await (const { line, number } of lineItems(child.stdout)) yield { line: receiptJson(commitReceipt(line)), number, position: number };
    const [code] = await ended;
    if (code !== 0) throw new CommandFailure(EXIT.io, `git stopped in the middle of the history of ${folder}: the same command goes on from there`);
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
  let isTooLong = false;
  let position = 0;
  let number = 0;
  for await (const chunk of input) {
    let start = 0;
    for (let newline = chunk.indexOf(0x0a); newline !== -1; newline = chunk.indexOf(0x0a, start)) {
      number += 1;
      position += rest.length + newline + 1 - start;
      const line = isTooLong ? TOO_LONG : textOf(Buffer.concat([rest, chunk.subarray(start, newline)]));
      rest = Buffer.alloc(0);
      isTooLong = false;
      start = newline + 1;
      if (line !== '') yield { line, number, position };
    }
    rest = Buffer.concat([rest, chunk.subarray(start)]);
    if (rest.length <= LINE_BYTES_MAX && !isTooLong) continue;
    isTooLong = true;
    position += rest.length;
    rest = Buffer.alloc(0);
  }
  const line = isTooLong ? TOO_LONG : textOf(rest);
  if (line !== '') yield { line, number: number + 1, position: position + rest.length };
}

/** What is not UTF-8 must not become another receipt by being repaired: it goes on as a text, which the sidecar refuses. */
function textOf(bytes: Buffer): string {
  if (bytes.length > LINE_BYTES_MAX) return TOO_LONG;
  return (utf8Text(bytes) ?? '"This line is not UTF-8"').trim();
}
