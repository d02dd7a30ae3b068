import { members } from './ask.ts';
import type { Region } from './cluster.ts';
import { killed } from './ends.ts';
import type { Stage } from './faults.ts';
import { contentJson } from './proofs.ts';
import { type Shadow, type Submitted, Violation } from './shadow.ts';

/** Until a region knows that the others are away: three failed syncs of 1 s each. */
const KNOWN_MS_MAX = 30_000;
/** Until it has found them again: it asks at the latest every 30 s. */
const FOUND_MS_MAX = 60_000;
const ASK_MS = 100;
const LINE_MS = 1_500;

/** All but one are killed, and come back once that one knows it: it says so, takes receipts as pending, and gets their quorum by itself. */
export async function mostAway({ cluster, shadow, load }: Stage, left: Region): Promise<void> {
  const from = left.daemon.log.length;
  const others = cluster.regions.filter((region) => region !== left);
  // The line of the transition is looked for: an earlier fault may not be forgotten yet.
  await until(`${left.id} to find all others`, FOUND_MS_MAX, async () => {
    const { regions } = members(await left.local.ask('GET', '/api/v1/status'));
    return Array.isArray(regions) && regions.every(({ is_available }) => is_available === true);
  });
  await Promise.all(others.map((region) => region.kill()));
  await until(`${left.id} to say that no quorum is within reach`, KNOWN_MS_MAX, async () => {
    const { threshold, reachable_weight: reachable } = members(await left.local.ask('GET', '/api/v1/status'));
    return (await probe(left, '/quorumz')) === 503 && Number(reachable) < Number(threshold);
  });
  // One failed attempt makes it unreachable, three failed syncs unavailable.
  await until(`${left.id} to show and log that the others are unavailable`, KNOWN_MS_MAX, async () => {
    const log = left.daemon.log.slice(from);
    return others.every(({ id }) => log.includes(`WARN: Region ${id} marked as unavailable (failure_count: 3)`)) && (await showsAllAway(left));
  });
  for (const path of ['/readyz', '/health', '/livez'])
    if ((await probe(left, path)) !== 200) throw new Violation(`${left.id} has ${path} depend on other regions`);
  const health = members(await left.local.ask('GET', '/health'))['status'];
  if (health !== 'degraded') throw new Violation(`${left.id} says that it is ${health}, and is alone`);
  const pending = await missingItsQuorum(left, { shadow, load, from });
  await Promise.all(others.map((region) => killed(region, shadow)));
  await until(`${left.id} to have its quorum again`, FOUND_MS_MAX, async () => (await probe(left, '/quorumz')) === 200);
  await until(`${pending.receipt_id} to get its quorum`, FOUND_MS_MAX, async () => {
    const { verdict } = members(await left.local.ask('GET', `/api/v1/receipts/${pending.receipt_id}/quorum`));
    return verdict === 'confirmed';
  });
}

/** What an operator is shown of the others. */
async function showsAllAway(left: Region): Promise<boolean> {
  const { regions } = members(await left.local.ask('GET', '/api/v1/status'));
  if (!Array.isArray(regions)) return false;
  return regions.every(({ is_available: isAvailable, circuit, last_error: error }) => isAvailable === false && circuit !== 'closed' && error !== null);
}

/** Receipts one by one, until one is logged to have missed its quorum: that one. */
async function missingItsQuorum(left: Region, { shadow, load, from }: Pick<Stage, 'shadow' | 'load'> & { readonly from: number }): Promise<Submitted> {
  load.pause();
  try {
    for (const deadline = performance.now() + KNOWN_MS_MAX; performance.now() < deadline; ) {
      const one = await submitted(left, shadow, `alone-${left.id}-${from}-${Math.round(performance.now())}`);
      const line = `ERROR: Quorum consensus failed for receipt ${one.receipt_id}: 1/3 regions confirmed`;
      // The line comes when all that was tried for it is over.
      await new Promise((resolve) => setTimeout(resolve, LINE_MS));
      if (left.daemon.log.slice(from).includes(line)) return one;
    }
  } finally {
    load.resume();
  }
  throw new Violation(`${left.id} does not log that receipts miss their quorum`);
}

/** One that can't have its quorum now. */
async function submitted(left: Region, shadow: Shadow, id: string): Promise<Submitted> {
  const one = shadow.submit({ receipt_id: id, transaction_id: '', hash: '00', ticks: 1, span_id: 1n, committed: true });
  const headers = { 'content-type': 'application/json', prefer: 'wait=1' };
  const answer = await left.local.ask('POST', '/api/v1/sync', { headers, body: contentJson(one) });
  if (answer?.status !== 202 || members(answer)['outcome'] !== 'pending')
    throw new Violation(`${left.id} is alone and answers a receipt by ${answer?.status} ${answer?.body.toString('utf8')}`);
  shadow.isDurable(left.id, one);
  return one;
}

async function probe(region: Region, path: string): Promise<number | undefined> {
  return (await region.local.ask('GET', path))?.status;
}

async function until(what: string, msMax: number, isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + msMax; !(await isSo()); ) {
    if (performance.now() > deadline) throw new Violation(`waited ${msMax} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  }
}
