import { ReceiptSyncError } from '../../errors.ts';
import type { Receipt } from '../../receipt/receipt.ts';
import { type ConflictReport, type ConflictSide, submitConflict } from './conflict.ts';
import type { KillPlan, KillReport } from './kills.ts';
import type { RegionProcess } from './region-process.ts';
import { type TamperPlan, type TamperReport, tamper, tamperText } from './tamper.ts';

/** A receipt without its quorum is asked for again this often, for at most so long. */
const ASK_AGAIN_MS = 250;
const RECEIPT_MS_MAX = 60_000;
/** After the last receipt, nothing may be owed for longer than this. */
const SETTLE_MS_MAX = 60_000;
/** Receipts on their way at once. */
const IN_FLIGHT_MAX = 256;

/** What the demo has seen so far; the live view reads it. */
export interface Progress {
  readonly total: number;
  sent: number;
  certified: number;
  pending: number;
  refused: number;
  /** Newest last. */
  readonly recent: { readonly receiptId: string; readonly ms: number }[];
  readonly latenciesMs: number[];
  readonly owed: Map<string, number>;
  readonly kills: KillReport[];
  readonly tampers: TamperReport[];
  /** At their quorum, in that order: what may be tampered with. */
  readonly done: Receipt[];
  /** Of `--conflict`. */
  conflict: ConflictReport | undefined;
}

interface RunOptions {
  readonly receipts: readonly Receipt[];
  readonly perSecond: number;
  readonly kills: readonly KillPlan[];
  readonly tamper: TamperPlan | undefined;
  readonly regions: ReadonlyMap<string, RegionProcess>;
  /** The region that the application is beside, as long as it is up. */
  readonly entry: RegionProcess;
  /** The two regions that are given two contents under one id, and what their certificates are judged by. */
  readonly conflict: { readonly sides: readonly [ConflictSide, ConflictSide]; readonly policy: string } | undefined;
  readonly tell: (line: string) => void;
}

interface OpenKill {
  readonly region: string;
  readonly acceptedWhileDown: number;
  readonly owedAtReturn: number;
}

export function newProgress(total: number): Progress {
  return {
    total,
    sent: 0,
    certified: 0,
    pending: 0,
    refused: 0,
    recent: [],
    latenciesMs: [],
    owed: new Map(),
    kills: [],
    tampers: [],
    done: [],
    conflict: undefined,
  };
}

/** Sends all receipts at their rate, carries out the kills meanwhile, and waits until nothing is owed. */
export async function runDemo(options: RunOptions, progress: Progress): Promise<void> {
  const startMs = performance.now();
  const watching = new AbortController();
  const watch = watchOwed(options, progress, watching.signal);
  const kills = options.kills.map((plan) => carryOut(plan, options, { progress, startMs }));
  const tampering = options.tamper === undefined ? undefined : carryOutTamper(options.tamper, options, { progress, startMs });
  const [opened] = await Promise.all([Promise.all(kills), tampering, sendAll(options, progress, startMs)]);
  if (options.conflict !== undefined) {
    options.tell(`two contents under one id to ${options.conflict.sides.map(({ id }) => id).join(' and ')} at once`);
    progress.conflict = await submitConflict(options.conflict.sides, options.conflict.policy);
  }
  await settle(options, progress);
  for (const kill of opened) {
    const region = options.regions.get(kill.region);
    const changed = new Set(progress.tampers.filter((each) => each.region === kill.region).map(({ receiptId }) => receiptId));
    const receipts = options.receipts.filter(({ receiptId }) => !changed.has(receiptId));
    progress.kills.push({ ...kill, complete: region !== undefined && (await holdsAll(region, receipts)) });
  }
  watching.abort();
  await watch;
}

async function sendAll(options: RunOptions, progress: Progress, startMs: number): Promise<void> {
  const underWay = new Set<Promise<void>>();
  for (const [n, receipt] of options.receipts.entries()) {
    const waitMs = startMs + (n * 1_000) / options.perSecond - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    if (underWay.size >= IN_FLIGHT_MAX) await Promise.race(underWay);
    const sending = sendOne(options, progress, receipt).finally(() => underWay.delete(sending));
    underWay.add(sending);
  }
  await Promise.all(underWay);
}

/** Asks with the same id until the receipt has its quorum, is refused, or a minute is over: retries are safe (SPEC §4). */
async function sendOne(options: RunOptions, progress: Progress, receipt: Receipt): Promise<void> {
  const startMs = performance.now();
  progress.sent += 1;
  progress.pending += 1;
  while (performance.now() < startMs + RECEIPT_MS_MAX) {
    const outcome = await ask(beside(options), receipt);
    if (outcome === 'again') {
      await sleep(ASK_AGAIN_MS);
      continue;
    }
    progress.pending -= 1;
    progress[outcome === 'quorum' ? 'certified' : 'refused'] += 1;
    if (outcome === 'quorum') note(progress, receipt, performance.now() - startMs);
    return;
  }
}

/** The region the application is beside; while that is down, the next one that is up: retries are safe anywhere (SPEC §4). */
function beside({ entry, regions }: RunOptions): RegionProcess {
  return entry.isUp ? entry : ([...regions.values()].find(({ isUp }) => isUp) ?? entry);
}

async function ask(entry: RegionProcess, receipt: Receipt): Promise<'quorum' | 'refused' | 'again'> {
  try {
    const { outcome } = await entry.client.syncReceipt(receipt);
    return outcome === 'quorum' || outcome === 'refused' ? outcome : 'again';
  } catch (error) {
    const isFinal = error instanceof ReceiptSyncError && ['RECEIPT_CONFLICT', 'INVALID_RECEIPT', 'INVALID_JSON'].includes(error.code);
    return isFinal ? 'refused' : 'again';
  }
}

function note(progress: Progress, receipt: Receipt, ms: number): void {
  const { receiptId } = receipt;
  progress.done.push(receipt);
  progress.latenciesMs.push(ms);
  progress.recent.push({ receiptId, ms });
  if (progress.recent.length > 8) progress.recent.shift();
}

async function carryOut(plan: KillPlan, options: RunOptions, run: { readonly progress: Progress; readonly startMs: number }): Promise<OpenKill> {
  const { progress, startMs } = run;
  const region = options.regions.get(plan.region);
  if (region === undefined) return { region: plan.region, acceptedWhileDown: 0, owedAtReturn: 0 };
  await sleep(startMs + plan.atMs - performance.now());
  return region.alone(() => killed(region, plan, { options, progress }));
}

async function killed(region: RegionProcess, plan: KillPlan, run: { readonly options: RunOptions; readonly progress: Progress }): Promise<OpenKill> {
  const { options, progress } = run;
  await region.kill();
  const certifiedBefore = progress.certified;
  options.tell(`killed ${region.id} (SIGKILL)`);
  await sleep(plan.restartAfterMs);
  const acceptedWhileDown = progress.certified - certifiedBefore;
  const owedAtReturn = (await owedNow(options))?.get(region.id) ?? 0;
  await region.start();
  options.tell(`${region.id} is back: ${acceptedWhileDown} receipts reached their quorum without it, ${owedAtReturn} are owed to it`);
  return { region: region.id, acceptedWhileDown, owedAtReturn };
}

async function carryOutTamper(plan: TamperPlan, options: RunOptions, run: { readonly progress: Progress; readonly startMs: number }): Promise<void> {
  const { progress, startMs } = run;
  const region = options.regions.get(plan.region);
  await sleep(startMs + plan.atMs - performance.now());
  const deadlineMs = performance.now() + SETTLE_MS_MAX;
  // It takes a region that runs, and a receipt that it holds.
  while (performance.now() < deadlineMs && (region?.isUp !== true || progress.done.length < 3)) await sleep(100);
  if (region !== undefined) await tamperWith(region, options, progress);
}

/** Changes a byte of some receipt in a region's store, and notes what comes of it. */
export async function tamperWith(region: RegionProcess, options: Pick<RunOptions, 'regions' | 'tell'>, progress: Progress): Promise<void> {
  const others = [...options.regions.values()].filter((other) => other !== region);
  const changed = new Set(progress.tampers.map(({ receiptId }) => receiptId));
  // Not the first one: its certificate is what the demo leaves behind.
  const candidates = progress.done.slice(1).filter(({ receiptId }) => !changed.has(receiptId));
  const report = await region.alone(() => tamper(region, candidates, others));
  if (report === undefined) return;
  progress.tampers.push(report);
  options.tell(tamperText(report));
}

/** What each region is owed, by whoever owes it most, as the regions that are up say now; undefined if one of them does not answer. */
async function owedNow(options: RunOptions): Promise<ReadonlyMap<string, number> | undefined> {
  const up = [...options.regions.values()].filter(({ isUp }) => isUp);
  const all = await Promise.all(up.map(({ client }) => client.getSyncStatus().catch(() => undefined)));
  if (all.includes(undefined)) return undefined;
  const owed = new Map<string, number>();
  for (const { regionId, owedCount } of all.flatMap((status) => status ?? [])) owed.set(regionId, Math.max(owedCount, owed.get(regionId) ?? 0));
  return owed;
}

async function watchOwed(options: RunOptions, progress: Progress, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const [regionId, count] of (await owedNow(options)) ?? []) progress.owed.set(regionId, count);
    await sleep(200);
  }
}

/** Nothing owed by anybody to anybody. */
async function settle(options: RunOptions, progress: Progress): Promise<void> {
  const deadlineMs = performance.now() + SETTLE_MS_MAX;
  while (performance.now() < deadlineMs) {
    const owed = await owedNow(options);
    if (owed !== undefined && [...owed.values()].every((count) => count === 0)) {
      for (const regionId of owed.keys()) progress.owed.set(regionId, 0);
      return;
    }
    await sleep(100);
  }
}

/** Asks the region itself for every receipt, by id. */
async function holdsAll(region: RegionProcess, receipts: readonly Receipt[]): Promise<boolean> {
  for (const { receiptId } of receipts) {
    const held = await region.client.getReceipt(receiptId).catch(() => undefined);
    if (held?.receiptId !== receiptId) return false;
  }
  return true;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
