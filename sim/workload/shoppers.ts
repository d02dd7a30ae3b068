import type { Receipt } from '../../src/receipt/receipt.ts';
import type { SyncResult } from '../../src/region/sync-result.ts';
import type { Host } from '../host.ts';
import { Random } from '../random.ts';
import type { Stage } from '../stage.ts';
import { shaped } from './shapes.ts';
import { bring, receiptOf, WENT_AWAY } from './submit.ts';

/** Times one receipt is brought, in whatever region, until its caller has what it wants. */
const ATTEMPTS_MAX = 4;

/** Clients with few ids that all of them like best, who lose patience and go to another region with the same receipt. */
export function shoppers(stage: Stage): void {
  const random = new Random(stage.seed ^ 0x5_40b5);
  if (!stage.has('shoppers') || !random.chance(0.5)) return;
  const ids = 2 + random.below(200);
  const skew = 0.5 + random.uniform() * 1.5;
  const contents = random.pick([1, 1, 2, 3]);
  for (let shopper = 1 + random.below(4); shopper > 0; shopper -= 1) {
    const next = (): void => {
      if (stage.isOver()) return;
      const id = `z${zipf(random, ids, skew)}`;
      const ticks = random.chance(0.1) ? 1 + random.below(contents) : 1;
      void shop(stage, { id, ticks }, random).finally(() => stage.clock.after(random.uniform() * 1_200, next));
    };
    stage.clock.after(random.uniform() * 1_000, next);
  }
}

async function shop(stage: Stage, { id, ticks }: { readonly id: string; readonly ticks: number }, random: Random): Promise<void> {
  const receipt = receiptOf(id, ticks);
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const host = random.pick(stage.hosts);
    const result = await attemptAt(stage, host, { receipt, random });
    if (isResult(result) && result.outcome !== 'pending') {
      if (result.outcome === 'quorum' && random.chance(0.3)) await certificateOf(stage, host, { receipt, result });
      return;
    }
    if (attempt > 1) stage.count('tried elsewhere');
    await stage.clock.sleep(random.uniform() * 500);
  }
}

/** One call, with a deadline, or with a caller that goes away, or with one that stays. */
async function attemptAt(stage: Stage, host: Host, { receipt, random }: { readonly receipt: Receipt; readonly random: Random }): ReturnType<typeof bring> {
  const patienceMs = 50 + random.uniform() * 4_000;
  const how = random.pick(['deadline', 'abort', 'stay'] as const);
  const abort = new AbortController();
  if (how === 'abort') stage.clock.after(patienceMs, () => abort.abort(WENT_AWAY));
  const waitFor = random.pick(['quorum', 'quorum', 'all', 'local'] as const);
  const options = { waitFor, ...(how === 'deadline' ? { deadlineMs: patienceMs } : {}), ...(how === 'abort' ? { signal: abort.signal } : {}) };
  const result = await bring(stage, host, receipt, { gaveUp: stage.clock.sleep(patienceMs * 2), options: () => options });
  if (how === 'deadline' && isResult(result) && result.outcome === 'pending') stage.count('deadline passed');
  if (typeof result === 'string') stage.count(`caller: ${result}`);
  return result;
}

function isResult(result: Awaited<ReturnType<typeof bring>>): result is SyncResult {
  return typeof result === 'object' && 'outcome' in result;
}

async function certificateOf(stage: Stage, host: Host, { receipt, result }: { readonly receipt: Receipt; readonly result: SyncResult }): Promise<void> {
  const made = result.certificate().then(
    (certificate) => {
      stage.count('certificate given');
      stage.certified(host, shaped(stage, receipt), certificate);
    },
    () => stage.count('no certificate'),
  );
  await Promise.race([made, stage.clock.sleep(10_000)]);
}

/** 1 is the one that everybody wants; about n^-skew want the n-th. */
function zipf(random: Random, count: number, skew: number): number {
  return Math.min(count, Math.floor((1 - random.uniform()) ** (-1 / skew)));
}
