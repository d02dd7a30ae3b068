import { statSync } from 'node:fs';
import { Command } from 'commander';
import { folderSource } from '../adapters/log-source/folder.ts';
import { HttpLogSource } from '../adapters/log-source/http.ts';
import type { Finding } from '../audit/finding.ts';
import { findingJson } from '../audit/json.ts';
import { auditLog, type LogAudit } from '../audit/log-audit.ts';
import { toMultiRegionConfig } from '../config/load.ts';
import { InvalidEvidenceError, ReceiptSyncError } from '../errors.ts';
import { signingOf } from '../manager.ts';
import type { LogSource } from '../ports/log-source.ts';
import { sha256, toHex, utf8Bytes } from '../std/bytes.ts';
import { type Policy, parsePolicy } from '../tlog/policy.ts';
import { parseVerifierKey, TYPE_ED25519 } from '../tlog/vkey.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { print, readBytes, readConfig, type TargetOptions, targetOf } from './io.ts';
import { ProgressBar } from './progress.ts';
import { SeenFile } from './seen-file.ts';
import { printable } from './table.ts';
import { withTarget } from './target.ts';

interface LogVerifyOptions extends TargetOptions {
  readonly policy?: string;
  readonly vkey: readonly string[];
  readonly state?: string;
  readonly json?: true;
}

/** `log verify`: is what a log serves led to by its signed root, and is it the log that was seen before? */
export function logCommand(): Command {
  const verify = withTarget(new Command('verify'))
    .description(
      'Rebuild a log from what is served of it, up to the root in its signed checkpoint, and compare it with the last one seen. Without an argument: all logs that the sidecar serves. Exit 1 on any finding.',
    )
    .argument('[url|dir]', "a log's address (a listener's address means its /log), or a folder of static tiles")
    .option('--policy <file>', 'whom to believe, from `init` or `policy` (default: that of --config)')
    .option('--vkey <vkey>', 'instead of a policy: a key that must verify where it has signed; may be repeated', collect, [])
    .option('--state <file>', 'where the last checkpoint seen is remembered; a folder where there are several logs (default: below XDG_STATE_HOME)')
    .option('--json', 'print one JSON object a log')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync log verify --config ./cluster/us-east-1/config.yaml\n  receipt-sync log verify https://receipts.example.com/log --policy ./cluster/policy\n  receipt-sync log verify ./static-log --vkey receipts.example.com/us-east-1/log/1+…+…\n',
    )
    .action((where: string | undefined, options: LogVerifyOptions) => verifyLogs(where, options));
  return new Command('log').description('Look at logs.').addCommand(verify.exitOverride());
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

async function verifyLogs(where: string | undefined, options: LogVerifyOptions): Promise<void> {
  const judged = { policy: await policyOf(options), knowsAll: options.vkey.length === 0 };
  const found = where === undefined ? await verifySidecar(judged, options) : [await verifyOne(await sourceOf(where, options), judged, options)];
  process.exitCode = found.every((count) => count === 0) ? EXIT.ok : EXIT.negative;
}

interface Judged {
  readonly policy: Policy;
  /** Does the policy name everybody who may have signed? */
  readonly knowsAll: boolean;
}

/** The own log of the sidecar, then every other log of the policy that it mirrors. */
async function verifySidecar(judged: Judged, options: LogVerifyOptions): Promise<readonly number[]> {
  if (options.state !== undefined && statSync(options.state, { throwIfNoEntry: false })?.isFile() === true)
    throw new CommandFailure(EXIT.usage, 'A sidecar serves several logs: --state must name a folder');
  const target = await targetOf(options);
  const inFolder = options.state === undefined ? options : { ...options, state: `${options.state}/` };
  const prefixes = ['/log', ...judged.policy.logs.map(({ name }) => `/mirror/${toHex(sha256(utf8Bytes(name)))}`)];
  const found: number[] = [];
  for (const prefix of prefixes) {
    await using source = new HttpLogSource({ ...target, prefix });
    const served = await isServed(source, prefix);
    if (served) found.push(await verifyOne(source, judged, inFolder));
  }
  return found;
}

/** A log of the policy that this region does not mirror, its own one for instance, is no finding. */
async function isServed(source: LogSource, prefix: string): Promise<boolean> {
  if (prefix === '/log') return true;
  try {
    await source.checkpoint();
    return true;
  } catch (error) {
    if (error instanceof ReceiptSyncError && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}

/** Audits one log, says what was found, and remembers its checkpoint; the number of findings. */
async function verifyOne(source: LogSource, judged: Judged, options: LogVerifyOptions): Promise<number> {
  const findings: Finding[] = [];
  try {
    using bar = new ProgressBar('log verify');
    const audit = await auditLog(source, {
      ...judged,
      lastSeen: async (origin) => SeenFile.of(origin, options.state).read(),
      mayLag: /\/mirror\/[0-9a-f]{64}$/.test(source.name),
      onFinding: (finding) => findings.push(finding),
      onProgress: (done, total) => bar.show({ done, total, receipts: done }),
    });
    bar[Symbol.dispose]();
    const kept = await remember(audit, options);
    if (options.json === true) print(JSON.stringify(jsonOf(source, audit, { findings, kept })));
    else report(source, audit, { findings, kept });
    return audit.findings;
  } catch (error) {
    if (!(error instanceof InvalidEvidenceError)) throw error;
    const finding: Finding = { kind: 'signature', log: source.name, message: `The checkpoint can not be read: ${error.message}` };
    if (options.json === true) print(JSON.stringify({ source: source.name, origin: null, findings_count: 1, findings: [findingJson(finding)] }));
    else print(`FAIL  ${source.name}: ${printable(finding.message)}`);
    return 1;
  }
}

/** What the next audit compares with. What contradicts it is kept beside it, and does not take its place. */
async function remember(audit: LogAudit, { state }: LogVerifyOptions): Promise<readonly string[]> {
  const file = SeenFile.of(audit.origin, state);
  if (audit.history === 'inconsistent') {
    const evidence = audit.fork === undefined ? [] : [await file.keepBeside(audit.fork, 'json')];
    return [file.path, await file.keepBeside(audit.note, 'note'), ...evidence];
  }
  if (audit.isSound && audit.history !== 'same') await file.write(audit.note);
  return [];
}

function report(source: LogSource, audit: LogAudit, { findings, kept }: { readonly findings: readonly Finding[]; readonly kept: readonly string[] }): void {
  const { origin, size, verified, signers, certified, history, note, seen } = audit;
  for (const { message } of findings) print(`FAIL  ${origin}: ${printable(message)}`);
  if (audit.findings > findings.length) print(`FAIL  ${origin}: ${audit.findings - findings.length} more`);
  const who = signers.length === 0 ? 'no cosignature' : `cosigned by ${signers.join(', ')}${certified ? ' (the quorum)' : ''}`;
  print(
    `${audit.findings === 0 ? 'ok  ' : 'FAIL'}  ${origin}: ${verified} of ${size} entries lead to the signed root; ${who}; ${HISTORY[history]} (${source.name})`,
  );
  if (kept.length === 0) return;
  print(`Seen before (kept in ${kept[0]}):\n${printed(seen ?? '')}\nShown now (kept in ${kept[1]}):\n${printed(note)}`);
  if (kept[2] !== undefined) print(`One key has signed both. The evidence: receipt-sync verify ${kept[2]}`);
}

/** A note for a terminal: lines stay lines. */
function printed(note: string): string {
  return note.split('\n').map(printable).join('\n');
}

const HISTORY: Readonly<Record<LogAudit['history'], string>> = {
  first: 'seen for the first time',
  same: 'as it was seen before',
  grown: 'grown from what was seen before',
  behind: 'behind what was seen elsewhere',
  inconsistent: 'NOT the log that was seen before',
  untold: 'not comparable with what was seen before',
};

function jsonOf(source: LogSource, audit: LogAudit, { findings, kept }: { readonly findings: readonly Finding[]; readonly kept: readonly string[] }): object {
  const { origin, size, verified, signers, certified, history, note, seen } = audit;
  const both = history === 'inconsistent' ? { seen: seen ?? null, kept } : {};
  const counts = { findings_count: audit.findings, findings: findings.map(findingJson) };
  return { source: source.name, origin, size, verified, signers, certified, history, ...counts, checkpoint: note, ...both };
}

async function sourceOf(where: string, { tokenFile }: LogVerifyOptions): Promise<LogSource> {
  if (!/^(?:https?:\/\/|unix:)/.test(where)) return folderSource(where);
  const token = tokenFile === undefined ? undefined : (await readBytes(tokenFile)).toString('utf8').split(/\r?\n/, 1)[0];
  const isBare = where.startsWith('unix:') || new URL(where).pathname.replace(/\/+$/, '') === '';
  return new HttpLogSource({ url: where, token, ...(isBare ? { prefix: '/log' } : {}) });
}

async function policyOf({ policy, vkey, config }: LogVerifyOptions): Promise<Policy> {
  if (policy !== undefined && vkey.length > 0) throw new CommandFailure(EXIT.usage, 'Name a policy, or keys, not both');
  if (policy !== undefined) return parsePolicy(await readBytes(policy));
  if (vkey.length > 0) {
    const keys = vkey.map(parseVerifierKey);
    const witnesses = new Map(keys.filter(({ type }) => type !== TYPE_ED25519).map((key) => [key.name, key]));
    return { logs: keys.filter(({ type }) => type === TYPE_ED25519), witnesses, quorum: { kind: 'none' } };
  }
  const settings = config === undefined ? undefined : toMultiRegionConfig(await readConfig(config, []));
  settings?.validate();
  const signing = settings === undefined ? undefined : signingOf(settings);
  if (signing === undefined) throw new CommandFailure(EXIT.usage, 'Whom to believe: --policy FILE, --vkey KEY, or --config FILE of a region with keys');
  return signing.cluster.policy;
}
