import { join } from 'node:path';
import type { Random } from '../../sim/random.ts';
import type { Region } from './cluster.ts';
import { checkPromisesOf, cutPower, killed } from './ends.ts';
import { contentJson } from './proofs.ts';
import { type Shadow, Violation } from './shadow.ts';
import { Injection, SYNCS } from './strace.ts';

/** A disk that is full has room for a few commits, or for none. */
const LEFT_BYTES_MAX = 256 * 1024;
/** What was written before can be written again without room: it takes some commits until one needs more. */
const FULL_MS_MAX = 8_000;
/** Until an injected failure has met its call. */
const MET_MS_MAX = 10_000;
/** From a failed call, or from the room that is there again, until the region says so: a probe comes each second. */
const SAID_MS_MAX = 8_000;

const FAILED = /ERROR: Store failed, this region acknowledges nothing until it is restarted: /;
const FULL = /ERROR: Store failed, this region acknowledges nothing: The disk is full/;
const RECOVERED = /INFO: Store takes writes again/;

/** The disk fills up and is freed: the region says both, reads go on, and it goes on by itself. False where nothing needed the room. */
export async function full(region: Region, shadow: Shadow, random: Random): Promise<boolean> {
  const from = region.daemon.log.length;
  try {
    region.disk.fill(random.below(LEFT_BYTES_MAX));
    const isMet = await within(FULL_MS_MAX, async () => {
      region.disk.fill(0);
      return (await region.store()) === 'full';
    });
    if (!isMet) return false;
    await checkSaid(region, from, FULL);
    await checkOutOfService(region, shadow, `full-${random.below(1e9)}`);
  } finally {
    region.disk.free();
  }
  await region.ready();
  await checkSaid(region, from, RECOVERED);
  return true;
}

/**
 * A call fails with EIO: nothing is trusted before a restart, and what was acknowledged is on the disk itself, not only in memory that a
 * restart would read again: where it can be, the power is what ends it. False where the process made no such call.
 */
export async function poisoned(region: Region, injection: string, { shadow, random }: { readonly shadow: Shadow; readonly random: Random }): Promise<boolean> {
  const from = region.daemon.log.length;
  if (!(await injected(region, injection))) return false;
  if (!(await within(SAID_MS_MAX, async () => (await region.store()) === 'failed')))
    throw new Violation(`${region.id} goes on after ${injection}: its store is ${await region.store()}`);
  await checkSaid(region, from, FAILED);
  await checkOutOfService(region, shadow, `eio-${random.below(1e9)}`);
  if (region.disk.kind === 'ext4') await cutPower([region], shadow, random);
  else await killed(region, shadow);
  return true;
}

/** A call fails in a way that passes: whatever the region says of it, it goes on. */
export async function passing(region: Region, injection: string): Promise<boolean> {
  const from = region.daemon.log.length;
  const isMet = await injected(region, injection);
  await region.ready();
  // Where it was no commit that failed, nobody need hear of it.
  if (FULL.test(region.daemon.log.slice(from))) await checkSaid(region, from, RECOVERED);
  return isMet;
}

/** SIGKILL at the n-th sync from now on. An idle region may not come so far: then it is killed all the same, and it was not this fault. */
export async function killedAtSync(region: Region, shadow: Shadow, nth: number): Promise<boolean> {
  let isGone = false;
  void region.daemon.gone().then(() => {
    isGone = true;
  });
  await during(region, `${SYNCS}:signal=SIGKILL:when=${nth}`, () => isGone);
  const wasMet = isGone;
  await killed(region, shadow);
  return wasMet;
}

async function injected(region: Region, injection: string): Promise<boolean> {
  return during(region, injection, (into) => into.isMet);
}

async function during(region: Region, injection: string, isMet: (into: Injection) => boolean): Promise<boolean> {
  const { pid } = region.daemon;
  if (pid === undefined) throw new Error(`${region.id} does not run`);
  const into = new Injection(pid, injection, join(region.daemon.folder, `strace-${performance.now()}`));
  await within(MET_MS_MAX, async () => isMet(into));
  await into.end();
  return isMet(into);
}

/** Takes no receipt and says so, shows all that it has, and lives. */
async function checkOutOfService(region: Region, shadow: Shadow, id: string): Promise<void> {
  const submitted = shadow.submit({ receipt_id: id, transaction_id: '', hash: '00', ticks: 1, span_id: 1n, committed: true });
  const headers = { 'content-type': 'application/json', prefer: 'wait=0' };
  const expected = [
    [503, region.local.ask('POST', '/api/v1/sync', { headers, body: contentJson(submitted) })],
    [503, region.local.ask('GET', '/readyz')],
    [503, region.local.ask('GET', '/health')],
    [200, region.local.ask('GET', '/livez')],
  ] as const;
  for (const [n, [status, asked]] of expected.entries()) {
    const answer = await asked;
    // A full disk may have got room by a checkpoint of its own in the meantime.
    if ((await region.store()) === 'ok') return;
    if (answer?.status !== status) throw new Violation(`${region.id} answers question ${n} by ${answer?.status} with its store out of service`);
  }
  await checkPromisesOf(region, shadow);
}

async function checkSaid(region: Region, from: number, line: RegExp): Promise<void> {
  if (await within(SAID_MS_MAX, async () => line.test(region.daemon.log.slice(from)))) return;
  throw new Violation(`${region.id} has not logged ${line}`);
}

/** True as soon as it is so, false after so many ms. */
async function within(msMax: number, isSo: () => Promise<boolean>): Promise<boolean> {
  for (const deadline = performance.now() + msMax; ; ) {
    if (await isSo()) return true;
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
