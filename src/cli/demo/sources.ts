import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Receipt } from '../../receipt/receipt.ts';
import { receiptFromJson } from '../../receipt/wire.ts';
import { CommandFailure, EXIT } from '../exit.ts';

const run = promisify(execFile);
const GIT_OUTPUT_MAX = 256 * 1024 * 1024;

/** What the demo's receipts are made of, and a word about it. */
export interface Source {
  readonly description: string;
  readonly receipts: readonly Receipt[];
}

/** Up to `count` receipts of `git:DIR`, an ndjson file, or `synthetic`. Short of input, the rest is synthetic, and said to be. */
export async function receiptsFrom(source: string | undefined, count: number): Promise<Source> {
  if (source === 'synthetic') return { description: `${count} synthetic receipts`, receipts: synthetic(count) };
  if (source !== undefined && !source.startsWith('git:')) return fromFile(source, count);
  const folder = source === undefined ? process.cwd() : source.slice('git:'.length);
  const history = await gitReceipts(folder, count);
  if (history === undefined && source !== undefined) throw new CommandFailure(EXIT.noInput, `${folder} holds no git history`);
  const real = history ?? [];
  const missing = count - real.length;
  if (real.length === 0) return { description: `${count} synthetic receipts: ${folder} is in no git repository with commits`, receipts: synthetic(count) };
  if (missing === 0) return { description: `${count} receipts of the git history of ${folder}`, receipts: real };
  return { description: `${real.length} receipts of the git history of ${folder}, then ${missing} synthetic ones`, receipts: [...real, ...synthetic(missing)] };
}

async function fromFile(path: string, count: number): Promise<Source> {
  const receipts: Receipt[] = [];
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      if (receipts.length === count) break;
      if (line.trim() !== '') receipts.push(receiptFromJson(line));
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw new CommandFailure(EXIT.noInput, `Can't read ${path}`, { cause: error });
    throw error;
  }
  return { description: `${receipts.length} receipts of ${path}`, receipts };
}

function synthetic(count: number): readonly Receipt[] {
  const run = randomBytes(4).toString('hex');
  return Array.from({ length: count }, (_, n) => {
    const hash = createHash('sha256').update(`${run}/${n}`).digest();
    return {
      receiptId: `synthetic-${run}-${String(n).padStart(6, '0')}`,
      transactionId: `tx-${run}-${n}`,
      hash: new Uint8Array(hash),
      ticks: n % 9,
      spanId: hash.readBigUInt64BE(0),
      committed: true,
    };
  });
}

/** Commits in the order they were made, then the files each of them changed; undefined where there is no history. */
async function gitReceipts(folder: string, count: number): Promise<readonly Receipt[] | undefined> {
  const git = async (...args: readonly string[]): Promise<string> => (await run('git', ['-C', folder, ...args], { maxBuffer: GIT_OUTPUT_MAX })).stdout;
  try {
    const log = await git('log', '--reverse', '--topo-order', '--format=%H %T %P', 'HEAD');
    const commits = log
      .split('\n')
      .filter((line) => line !== '')
      .slice(0, count);
    const receipts = commits.map(commitReceipt);
    if (receipts.length === count) return receipts;
    const files = await git('log', '--reverse', '--topo-order', '--raw', '--no-abbrev', '-z', '-m', '--first-parent', '--root', '--format=%x01%H', 'HEAD');
    return [...receipts, ...fileReceipts(files, count - receipts.length)];
  } catch {
    // No git, no repository, or no commit yet: there is no history to take receipts from.
    return undefined;
  }
}

/** receipt_id = commit id, transaction_id = first parent, hash = raw tree id, ticks = parents, span_id = first 8 bytes of the id (CONTRACT §3). */
export function commitReceipt(line: string): Receipt {
  const [id = '', tree = '', ...parents] = line.trim().split(' ');
  return { receiptId: id, transactionId: parents[0] ?? '', hash: bytes(tree), ticks: parents.length, spanId: bytes(id).readBigUInt64BE(0), committed: true };
}

/** receipt_id = commit:path, hash = blob id. `raw` is `git log --raw -z --format=%x01%H`. Paths too long for an id, and deletions, are passed over. */
export function fileReceipts(raw: string, count: number): readonly Receipt[] {
  const receipts: Receipt[] = [];
  for (const commit of raw.split('\u0001').slice(1)) {
    const id = commit.slice(0, commit.search(/[\0\n]/));
    for (const [, blob = '', path = ''] of commit.matchAll(/:\d+ \d+ [0-9a-f]+ ([0-9a-f]+) [A-Z]\d*\0([^\0]+)\0?/g)) {
      const receiptId = `${id}:${path}`;
      if (receipts.length === count) return receipts;
      if (/^0+$/.test(blob) || Buffer.byteLength(receiptId) > 256 || /[\u0000-\u001f\u007f]/.test(path)) continue;
      receipts.push({ receiptId, transactionId: id, hash: bytes(blob), ticks: 1, spanId: bytes(id).readBigUInt64BE(0), committed: true });
    }
  }
  return receipts;
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}
