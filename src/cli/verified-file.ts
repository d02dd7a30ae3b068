import { createReadStream, statSync } from 'node:fs';
import { verifyCertificate, verifyCertifiedRange, verifyFork } from '../verify.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { print, readBytes } from './io.ts';

/** What offline verification is told beside the file. */
export interface OfflineOptions {
  readonly json?: true;
  readonly receipt?: string;
  readonly policy?: string;
}

/** What verification says, whatever it is of. */
interface Report {
  readonly valid: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

/** What a file may be: how it is told, how it is verified, and what it means if all holds. */
interface Kind {
  readonly isOf: (begins: string) => boolean;
  readonly verify: (file: string | Buffer, options: OfflineOptions) => Promise<Report>;
  readonly meaning: string;
}

/** By content; the last one takes what no other does. */
const KINDS: readonly Kind[] = [
  { isOf: (begins) => begins.startsWith('receipt-sync/range@'), verify: range, meaning: 'these are all entries of this log in this time' },
  { isOf: (begins) => /"type"\s*:\s*"receipt-sync\/fork\/v\d+"/.test(begins), verify: fork, meaning: 'this key has signed two histories of one log' },
  { isOf: () => true, verify: certificate, meaning: 'the quorum that the policy asks for had this receipt on stable storage' },
];
/** A file says within so many bytes what it is. */
const BEGINS_BYTES = 256;
const ENDINGS = /\.(?:json|range)$/;

/** Is this a file to be verified, and not an id to be asked for? A receipt may be named like one (`commit:package.json`): it is one where it is there. */
export function isOffline(what: string, { receipt, policy }: OfflineOptions): boolean {
  if (receipt !== undefined || policy !== undefined || what.endsWith('.tlog-proof')) return true;
  return ENDINGS.test(what) && statSync(what, { throwIfNoEntry: false })?.isFile() === true;
}

/** Verifies a file, asking nobody; says each check, and exits 0 only if all of them hold. */
export async function verifyFile(file: string, options: OfflineOptions): Promise<void> {
  const { receipt, policy, json } = options;
  if ([file, receipt, policy].filter((name) => name === '-').length > 1) throw new CommandFailure(EXIT.usage, 'Only one of the files can be stdin (-)');
  const { begins, content } = await opened(file);
  const kind = KINDS.find(({ isOf }) => isOf(begins));
  if (kind === undefined) throw new CommandFailure(EXIT.badData, `${file} is nothing that can be verified`);
  const report = await kind.verify(content, options);
  if (json === true) print(JSON.stringify(report));
  else {
    for (const { name, ok, detail } of report.checks) print(`${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(12)} ${detail}`);
    print(report.valid ? `valid: ${kind.meaning}` : 'NOT valid');
  }
  process.exitCode = report.valid ? EXIT.ok : EXIT.negative;
}

/** What a file begins with, and its path; of stdin all there is. */
async function opened(file: string): Promise<{ readonly begins: string; readonly content: string | Buffer }> {
  if (file === '-') {
    const bytes = await readBytes(file);
    return { begins: bytes.toString('latin1', 0, BEGINS_BYTES), content: bytes };
  }
  let begins = '';
  for await (const chunk of readable(file, { start: 0, end: BEGINS_BYTES - 1 })) begins += Buffer.from(chunk).toString('latin1');
  return { begins, content: file };
}

/** The bytes of a file as they come. */
async function* readable(path: string, part: { readonly start: number; readonly end: number } | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of createReadStream(path, part)) yield chunk;
  } catch (error) {
    throw new CommandFailure(EXIT.noInput, `Can't read ${path}`, { cause: error });
  }
}

async function certificate(content: string | Buffer, { receipt, policy }: OfflineOptions): Promise<Report> {
  if (receipt === undefined || policy === undefined) throw new CommandFailure(EXIT.usage, 'A certificate is verified with --receipt FILE and --policy FILE');
  // Bytes as they are: what they should be is the verifier's business.
  const bytes = typeof content === 'string' ? await readBytes(content) : content;
  return verifyCertificate({ certificate: bytes, receipt: await readBytes(receipt), policy: await readBytes(policy) });
}

async function fork(content: string | Buffer, { policy }: OfflineOptions): Promise<Report> {
  const evidence = typeof content === 'string' ? await readBytes(content) : content;
  return verifyFork(policy === undefined ? { evidence } : { evidence, policy: await readBytes(policy) });
}

/** A month of a busy region does not fit into memory: line by line. */
async function range(content: string | Buffer, { receipt, policy }: OfflineOptions): Promise<Report> {
  if (policy === undefined || receipt !== undefined)
    throw new CommandFailure(EXIT.usage, 'A certified range is verified with --policy FILE, and holds its receipts itself');
  return verifyCertifiedRange({ range: typeof content === 'string' ? readable(content, undefined) : content, policy: await readBytes(policy) });
}
