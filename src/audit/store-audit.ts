import { ReceiptSyncError } from '../errors.ts';
import type { AuditedStore, LogClaim, StoreClaims } from '../ports/audited-store.ts';
import { type LogNumber, OWN_LOG, RECEIVED_LOG } from '../ports/log-store.ts';
import type { Edge } from '../tlog/edge.ts';
import type { Policy } from '../tlog/policy.ts';
import { type Finding, Findings } from './finding.ts';
import { checkClaims } from './kept-notes.ts';
import { LogWalk, type Walked } from './log-walk.ts';
import { auditedTree } from './stored-tree.ts';

export interface StoreAuditOptions {
  readonly store: AuditedStore;
  readonly region: string;
  /** Who signs; without keys there are no signatures to look at. */
  readonly policy: Policy | undefined;
  /** The right edge of a log as a running region has it in memory: checked when it started, and signed ever since. */
  readonly edgeOf?: ((log: LogNumber) => Edge | undefined) | undefined;
  /** Only the newest so many entries, in order of arrival. */
  readonly limit?: number | undefined;
  /** Also SQLite's own structure: reads everything at once, so not beside a running region. */
  readonly structure: boolean;
  /** Called now and then: others may go on. */
  readonly rest: () => Promise<void>;
  readonly onFinding: (finding: Finding) => void;
  readonly onProgress: (progress: { readonly done: number; readonly total: number }) => void;
}

/** What an audit of a store says. */
export interface StoreAudit {
  /** Receipts looked at, and those with which everything is as it should be. */
  readonly total: number;
  readonly verified: number;
  readonly signatureFailures: number;
  /** Everything else that was found. */
  readonly chainBreaks: number;
  /** `recorded_at` of the newest receipt that verified. */
  readonly lastVerifiedAt: bigint | undefined;
}

/**
 * Checks a store receipt by receipt: content against digest, commitment and entry, the entry against the tile over it, every tile against the one
 * above, up to the root; the index of first digests against the log; and the signatures that are kept over these roots. Reads from the disk, not
 * from what is cached. Never throws for what it finds; STORE_FAILED where there is no store to look at.
 */
export async function auditStore(options: StoreAuditOptions): Promise<StoreAudit> {
  const { store, limit, onProgress } = options;
  const findings = new Findings(options.onFinding);
  const claims = await store.claims();
  if (options.structure) for (const fault of await store.structure()) findings.add({ kind: 'index', log: options.region, message: `The database: ${fault}` });
  // A running region's trees are read from here on: they are at least as large as what was just said.
  await options.rest();
  const firsts = limit === undefined ? undefined : await store.newest(limit);
  const logs = claims.logs.flatMap((claim) => {
    const first = firsts === undefined ? 0 : firsts.get(claim.log);
    return first === undefined ? [] : [{ claim, first }];
  });
  const total = logs.reduce((sum, { claim, first }) => sum + Math.max(0, claim.size - first), 0);
  let done = 0;
  const walked: Walked[] = [];
  for (const { claim, first } of logs) {
    const before = done;
    const onEntries = (entries: number): void => {
      done = before + entries;
      onProgress({ done, total });
    };
    walked.push(await auditOne(options, { claim, claims, first, findings, onEntries }));
  }
  return {
    total: walked.reduce((sum, each) => sum + each.total, 0),
    verified: walked.reduce((sum, each) => sum + each.verified, 0),
    signatureFailures: findings.signatures,
    chainBreaks: findings.others,
    lastVerifiedAt: walked.reduce<bigint | undefined>(
      (last, { lastVerifiedAt: at }) => (at !== undefined && (last === undefined || at > last) ? at : last),
      undefined,
    ),
  };
}

interface OneLog {
  readonly claim: LogClaim;
  readonly claims: StoreClaims;
  readonly first: number;
  readonly findings: Findings;
  readonly onEntries: (entries: number) => void;
}

/** One log: its tree first, then what is signed over it, then entry by entry. A store that can't be read any further is a finding. */
async function auditOne(options: StoreAuditOptions, { claim, claims, first, findings, onEntries }: OneLog): Promise<Walked> {
  const { store, region, policy, rest } = options;
  const name = nameOf(claim, { region, policy });
  const tell = (kind: Finding['kind'], message: string, more: Pick<Finding, 'index' | 'receiptId'> = {}): void =>
    findings.add({ kind, log: name, message, ...more });
  const walk = new LogWalk({ store, region, claim, first, tell, rest, onEntries });
  try {
    const tree = claim.log === RECEIVED_LOG ? undefined : await auditedTree({ store, claim, edge: options.edgeOf?.(claim.log) }, tell);
    if (policy !== undefined && tree !== undefined) await checkClaims({ claim, cosigned: claim.log === OWN_LOG ? claims.cosigned : [], policy, tree }, tell);
    return await walk.all(tree);
  } catch (error) {
    if (!(error instanceof ReceiptSyncError)) throw error;
    tell('entry', `The store can not be read any further: ${error.message}`);
    return walk.walked;
  }
}

/** An origin line, where there is one. */
function nameOf({ log, origin }: LogClaim, { region, policy }: { readonly region: string; readonly policy: Policy | undefined }): string {
  if (log === RECEIVED_LOG) return 'received';
  return origin ?? policy?.logs.find(({ name }) => name.split('/').at(-3) === region)?.name ?? region;
}
