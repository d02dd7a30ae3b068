import { statSync } from 'node:fs';
import { Command } from 'commander';
import { verifyCertificate, verifyFork } from '../verify.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { clientOf, print, readBytes, type TargetOptions } from './io.ts';
import { withTarget } from './target.ts';

const EXIT_OF = { confirmed: EXIT.ok, pending: EXIT.negative, conflict: EXIT.negative, unknown: EXIT.unreachable } as const;

type VerifyOptions = TargetOptions & { readonly json?: true; readonly receipt?: string; readonly policy?: string };

/** `verify ID` asks every region now; `verify FILE.tlog-proof` asks nobody. */
export function verifyCommand(): Command {
  return withTarget(new Command('verify'))
    .description(
      'Ask every region now whether it holds this receipt (exit: 0 confirmed, 1 pending or conflict, 69 unknown), or verify a certificate or evidence offline (0 valid, 1 not).',
    )
    .argument('<id|file>', 'receipt id, or a file: FILE.tlog-proof, or evidence/SHA256.json')
    .option('--receipt <file>', 'offline: the receipt as JSON')
    .option('--policy <file>', 'offline: whom to believe, from `init` or `policy`')
    .option('--json', 'print the answer as JSON')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync verify rec-123\n  receipt-sync verify rec-123.tlog-proof --receipt rec-123.json --policy ./cluster/policy\n  receipt-sync verify evidence/SHA256.json --policy ./cluster/policy\n',
    )
    .action((what: string, options: VerifyOptions) => (isOffline(what, options) ? offline(what, options) : online(what, options)));
}

function isOffline(what: string, { receipt, policy }: VerifyOptions): boolean {
  // A receipt may be named like a file (`commit:package.json`): a .json is one only where it is there.
  const isThere = what.endsWith('.json') && statSync(what, { throwIfNoEntry: false })?.isFile() === true;
  return isThere || what.endsWith('.tlog-proof') || receipt !== undefined || policy !== undefined;
}

/** What verification says, whatever it is of. */
interface Report {
  readonly valid: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

/** What a file may be: how it is told, how it is verified, and what it means if all holds. */
interface Kind {
  readonly isOf: (begins: string) => boolean;
  readonly verify: (bytes: Uint8Array, options: VerifyOptions) => Promise<Report>;
  readonly meaning: string;
}

/** By content; the last one takes what no other does. */
const KINDS: readonly Kind[] = [
  { isOf: (begins) => /"type"\s*:\s*"receipt-sync\/fork\/v\d+"/.test(begins), verify: fork, meaning: 'this key has signed two histories of one log' },
  { isOf: () => true, verify: certificate, meaning: 'a quorum of regions had this receipt on stable storage' },
];
/** A file says within so many bytes what it is. */
const BEGINS_BYTES = 256;

async function offline(file: string, options: VerifyOptions): Promise<void> {
  const { receipt, policy, json } = options;
  if ([file, receipt, policy].filter((name) => name === '-').length > 1) throw new CommandFailure(EXIT.usage, 'Only one of the files can be stdin (-)');
  // Bytes as they are: what they should be is the verifier's business.
  const bytes = await readBytes(file);
  const kind = KINDS.find(({ isOf }) => isOf(bytes.toString('latin1', 0, BEGINS_BYTES)));
  if (kind === undefined) throw new CommandFailure(EXIT.badData, `${file} is nothing that can be verified`);
  const report = await kind.verify(bytes, options);
  if (json === true) print(JSON.stringify(report));
  else {
    for (const { name, ok, detail } of report.checks) print(`${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(12)} ${detail}`);
    print(report.valid ? `valid: ${kind.meaning}` : 'NOT valid');
  }
  process.exitCode = report.valid ? EXIT.ok : EXIT.negative;
}

async function certificate(bytes: Uint8Array, { receipt, policy }: VerifyOptions): Promise<Report> {
  if (receipt === undefined || policy === undefined) throw new CommandFailure(EXIT.usage, 'A certificate is verified with --receipt FILE and --policy FILE');
  return verifyCertificate({ certificate: bytes, receipt: await readBytes(receipt), policy: await readBytes(policy) });
}

async function fork(bytes: Uint8Array, { policy }: VerifyOptions): Promise<Report> {
  return verifyFork(policy === undefined ? { evidence: bytes } : { evidence: bytes, policy: await readBytes(policy) });
}

async function online(id: string, options: VerifyOptions): Promise<void> {
  await using client = await clientOf(options);
  const verification = await client.verify(id);
  if (options.json === true) print(JSON.stringify({ receipt_id: id, ...verification }));
  else {
    print(`${verification.verdict}: weight ${verification.weight} of ${verification.threshold}`);
    for (const { region, state, digest, refused = [] } of verification.regions) {
      print(`  ${region.padEnd(24)} ${state.padEnd(12)} ${digest ?? ''}`);
      for (const other of refused) print(`  ${''.padEnd(24)} ${'refuses'.padEnd(12)} ${other.digest} (entry ${other.index} of the log of ${other.region})`);
    }
  }
  process.exitCode = EXIT_OF[verification.verdict];
}
