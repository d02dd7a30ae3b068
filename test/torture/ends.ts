import type { Random } from '../../sim/random.ts';
import { members } from './ask.ts';
import type { Region } from './cluster.ts';
import { type Shadow, Violation } from './shadow.ts';

/** The dark takes so long at the most; the process may go on for a part of it, and must say nothing good. */
const LINGER_MS_MAX = 100;
/** So many of what a region has acknowledged are asked for as soon as it is back. */
const NEWEST = 50;

/** SIGKILL, and a start after `awayMs`; resolves once the region takes receipts again and has shown what it promised. */
export async function killed(region: Region, shadow: Shadow, awayMs = 0): Promise<void> {
  await region.kill();
  await new Promise((resolve) => setTimeout(resolve, awayMs));
  await region.daemon.start();
  await region.ready();
  await checkPromisesOf(region, shadow);
}

/** The power goes and comes back; resolves once the regions take receipts again and have shown what they promised. Their disks must be ext4. */
export async function cutPower(victims: readonly Region[], shadow: Shadow, random: Random): Promise<void> {
  for (const { disk } of victims) disk.cut(random);
  await new Promise((resolve) => setTimeout(resolve, random.below(LINGER_MS_MAX)));
  await Promise.all(victims.map((region) => region.kill()));
  for (const { disk } of victims) disk.remount();
  await Promise.all(victims.map(({ daemon }) => daemon.start()));
  await Promise.all(victims.map((region) => region.ready()));
  await Promise.all(victims.map((region) => checkPromisesOf(region, shadow)));
}

/**
 * The newest that this region has answered well, at once: before anybody could bring them back. It is up, or has refused writes only:
 * that it says nothing is a violation too.
 */
export async function checkPromisesOf(region: Region, shadow: Shadow): Promise<void> {
  const newest = [...(shadow.durable.get(region.id)?.values() ?? [])].slice(-NEWEST);
  const answers = await Promise.all(newest.map(({ receipt_id: id }) => region.local.ask('GET', `/api/v1/receipts/${id}`)));
  for (const [n, { receipt_id: id, digest }] of newest.entries()) {
    const answer = answers[n];
    if (answer?.status !== 200 || members(answer)['digest'] !== digest)
      throw new Violation(`${region.id} has acknowledged ${id} and does not show it: ${answer?.status ?? 'no answer'} ${answer?.body.toString('utf8') ?? ''}`);
  }
}
