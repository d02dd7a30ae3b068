import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { members } from '../torture/ask.ts';
import { Cluster, type Region } from '../torture/cluster.ts';
import { contentJson } from '../torture/proofs.ts';
import { Shadow, type Submitted } from '../torture/shadow.ts';

const RECEIPTS = 80;
/** Of the chunks of a line, in both directions: some requests are spoiled whose answers are not. */
const CORRUPTION = 0.4;
const QUIET_MS_MAX = 60_000;

test('a plain request that is spoiled on its way is stored as it arrived, under whatever id; the sender counts what holds its receipt, and nothing else', async (context) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
  context.diagnostic(`seed ${seed}`);
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-torture-'));
  try {
    const random = new Random(seed);
    await using cluster = await Cluster.make(folder, random.fork(), { kinds: ['folder'], signing: 'plain' });
    await cluster.start();
    const [east, west, eu] = cluster.regions;
    assert.ok(east !== undefined && west !== undefined && eu !== undefined);
    for (const line of cluster.linesOf(west)) line.set({ corruption: CORRUPTION });
    const shadow = new Shadow();
    const counted = new Map<Submitted, number>();
    for (let n = 0; n < RECEIPTS; n += 1) await submit(east, large(shadow, n), counted);
    for (const line of cluster.lines) line.set({});
    await nothingOwed(east);
    const [atWest, atEu] = [await held(west), await held(eu)];
    const foreign = [...atWest].filter(([id, digest]) => shadow.submitted.get(id)?.has(digest) !== true);
    for (const [{ receipt_id: id, digest }, regions] of counted) {
      const holders = 1 + [atWest, atEu].filter((there) => there.get(id) === digest).length;
      assert.ok(regions <= holders, `${id} was counted in ${regions} regions and is held by ${holders}`);
    }
    assert.ok(foreign.length > 0, 'the spoiled ones are there: nobody could know');
    // What arrived as no receipt, or as another one under an id that was there, is refused for good, and said.
    const missing = [...counted.keys()].filter(({ receipt_id: id, digest }) => atWest.get(id) !== digest);
    for (const { receipt_id: id } of missing) assert.ok(east.daemon.log.includes(`Non-retryable error syncing receipt ${id} to us-west-1: `), id);
    context.diagnostic(JSON.stringify({ counted: counted.size, foreign: foreign.length, held: atWest.size, missing: missing.length }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** Most of its bytes are content: there a turned bit makes another receipt, and not something that is none. */
function large(shadow: Shadow, n: number): Submitted {
  return shadow.submit({
    receipt_id: `plain-${n}`,
    transaction_id: 't'.repeat(200),
    hash: 'ab'.repeat(512),
    ticks: n,
    span_id: BigInt(n),
    committed: true,
  });
}

/** In how many regions it was said to be, the answering one included. */
async function submit(region: Region, submitted: Submitted, counted: Map<Submitted, number>): Promise<void> {
  const headers = { 'content-type': 'application/json', prefer: 'wait=1, wait-for=all' };
  const answer = await region.local.ask('POST', '/api/v1/sync', { headers, body: contentJson(submitted) });
  assert.ok(answer !== undefined && [201, 202].includes(answer.status), `${answer?.status}`);
  const { synced_regions: regions } = members(answer);
  assert.ok(typeof regions === 'number' || Array.isArray(regions), JSON.stringify(regions));
  counted.set(submitted, typeof regions === 'number' ? regions : regions.length);
}

async function nothingOwed(region: Region): Promise<void> {
  for (const deadline = performance.now() + QUIET_MS_MAX; ; ) {
    const { regions } = members(await region.local.ask('GET', '/api/v1/status'));
    if (Array.isArray(regions) && regions.every(({ owed_count }) => owed_count === 0)) return;
    assert.ok(performance.now() < deadline, `${region.id} still owes: ${JSON.stringify(regions)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Id → digest: all of it fits one page. */
async function held(region: Region): Promise<ReadonlyMap<string, string>> {
  const { receipts, next_cursor: next } = members(await region.local.ask('GET', '/api/v1/receipts?limit=1000'));
  assert.ok(Array.isArray(receipts) && (receipts.length < 1_000 || next === null));
  return new Map(receipts.map(({ receipt_id: id, digest }) => [String(id), String(digest)]));
}
