import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { checkServed } from '../torture/checker.ts';
import { Cluster } from '../torture/cluster.ts';
import { diskProblem } from '../torture/disk.ts';
import { Load } from '../torture/load.ts';
import { mixedRound } from '../torture/mixed.ts';
import { powerCuts } from '../torture/power.ts';
import { type HandedOut, Shadow, type Submitted } from '../torture/shadow.ts';
import { freshSyncPoints } from '../torture/sync-points.ts';

/** A tenth of what `npm run torture -- --full` does, or less; `--faults N --seed S` and the like have one of them again. */
const FAULTS = 5;
const CUTS = 2;

async function inFolder(context: TestContext, body: (folder: string, seed: number) => Promise<object>): Promise<void> {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
  context.diagnostic(`seed ${seed}`);
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-torture-'));
  try {
    context.diagnostic(JSON.stringify(await body(folder, seed)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a random mix of faults on real processes: nothing that anybody was told is untrue afterwards', (context) =>
  inFolder(context, (folder, seed) => mixedRound(folder, FAULTS, seed)));

test('power cuts under load: nothing acknowledged is lost, no region takes itself for one that has forgotten', (context) => {
  const problem = diskProblem('ext4');
  if (problem !== undefined) return context.skip(`NO POWER CUTS WERE MADE: ${problem}`);
  return inFolder(context, (folder, seed) => powerCuts(folder, CUTS, seed));
});

test('a first start that ends at one of its sync points is one that never was, or one that can be gone on with', (context) =>
  inFolder(context, (folder, seed) => freshSyncPoints(folder, 1, seed, 1 + new Random(seed).below(30))));

test('the checker sees what is not as it was promised', async (context) => {
  await inFolder(context, async (folder, seed) => {
    const random = new Random(seed);
    await using cluster = await Cluster.make(folder, random.fork(), { kinds: ['folder'] });
    await cluster.start();
    const shadow = new Shadow();
    const load = new Load(cluster, random.fork(), shadow);
    await load.busyWithAtLeast(120);
    await load.stop();
    await checkServed(cluster, shadow);
    const some = [...shadow.certain.values()].find(({ receipt_id: id }) => !shadow.contested.includes(id));
    assert.ok(some !== undefined);
    const never = shadow.submit({ ...some, receipt_id: 'never-sent' });
    const proof = shadow.handedOut.find(({ submitted }) => !shadow.contested.includes(submitted.receipt_id));
    assert.ok(proof !== undefined);
    // Each is a promise that nobody made, or one that was broken.
    const plants: readonly (readonly [RegExp, (planted: Planted) => void])[] = [
      [/never-sent was told to have its quorum, and is held by nobody/, ({ certain }) => certain.set(never.digest, never)],
      [/us-east-1 has acknowledged never-sent and lost it/, ({ durable }) => durable.set('us-east-1', new Map([[never.digest, never]]))],
      [/a content that nobody submitted/, ({ submitted }) => submitted.delete(some.receipt_id)],
      [/a certificate of .*/, ({ handedOut }) => handedOut.push({ ...proof, text: withAnother(proof.text, /^index .*$/m, 'index 0') })],
      [/a certificate of .*/, ({ handedOut }) => handedOut.push({ ...proof, text: withoutLast(proof.text) })],
    ];
    for (const [finding, plant] of plants) {
      const planted = copyOf(shadow);
      plant(planted);
      await assert.rejects(checkServed(cluster, planted), finding);
    }
    return { plants: plants.length };
  });
});

type Planted = Pick<Shadow, 'certain' | 'durable' | 'submitted'> & { readonly handedOut: HandedOut[] };

function copyOf(shadow: Shadow): Shadow {
  const copy = new Shadow();
  for (const [id, under] of shadow.submitted) copy.submitted.set(id, new Map(under));
  for (const [digest, submitted] of shadow.certain) copy.certain.set(digest, submitted);
  for (const [region, there] of shadow.durable) copy.durable.set(region, new Map<string, Submitted>(there));
  copy.handedOut.push(...shadow.handedOut);
  return copy;
}

function withAnother(text: string, pattern: RegExp, other: string): string {
  const changed = text.replace(pattern, other);
  return changed === text ? text.replace(pattern, 'index 1') : changed;
}

/** One cosignature less than the threshold. */
function withoutLast(text: string): string {
  return `${text.trimEnd().split('\n').slice(0, -1).join('\n')}\n`;
}
