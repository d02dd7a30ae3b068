import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { members } from '../torture/ask.ts';
import { checkAll } from '../torture/checker.ts';
import { Cluster, type Region } from '../torture/cluster.ts';
import { LIES, Liar } from '../torture/liar.ts';
import { type Content, contentJson } from '../torture/proofs.ts';
import { Shadow } from '../torture/shadow.ts';

const RECEIPTS = 600;
const AT_ONCE = 20;
/** A region that holds a thousand receipts has some 110 MB; a single answer of the liar would be ten times that. */
const RESIDENT_MIB_MAX = 220;

function residentMib({ daemon }: Region): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]) / 1_024;
}

function content(n: number): Content {
  return { receipt_id: `liar-${n}`, transaction_id: '', hash: '0102', ticks: 1, span_id: BigInt(n), committed: true };
}

test('a peer that lies in every way it can is never counted; the others go on, within their memory; an honest one in its place catches up', async (context) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
  context.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-liar-'));
  try {
    await using cluster = await Cluster.make(folder, random.fork(), { kinds: ['folder'] });
    const [east, west, eu] = cluster.regions;
    assert.ok(east !== undefined && west !== undefined && eu !== undefined);
    const liar = await Liar.start(Number(new URL(eu.daemon.peersUrl).port), random.fork(), `receipts.internal/${eu.id}/mirror`);
    await Promise.all([east.daemon.start(), west.daemon.start()]);
    const shadow = new Shadow();
    const sync = async (region: Region, n: number): Promise<void> => {
      const submitted = shadow.submit(content(n));
      const answer = await region.local.ask('POST', '/api/v1/sync', { headers: { 'content-type': 'application/json' }, body: contentJson(submitted) });
      const { weight, quorum_achieved: quorum, synced_regions: synced } = members(answer);
      assert.deepEqual([answer?.status, quorum, weight, synced], [201, true, 2, 2], answer?.body.toString('utf8'));
      shadow.isCertain(submitted);
    };
    for (let n = 0; n < RECEIPTS; n += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, k) => sync(random.pick([east, west]), n + k)));
      const { verdict, weight } = members(await east.local.ask('GET', `/api/v1/receipts/liar-${random.below(n + 1)}/quorum`));
      assert.deepEqual([verdict, weight], ['confirmed', 2]);
    }
    for (const region of [east, west]) {
      const peak = Math.round(residentMib(region));
      context.diagnostic(`${region.id}: at most ${peak} MiB; the liar poured out up to ${liar.bytesMax} bytes of one answer`);
      assert.ok(peak < RESIDENT_MIB_MAX, `${region.id} took ${peak} MiB`);
      const { regions } = members(await region.local.ask('GET', '/api/v1/status'));
      assert.ok(Array.isArray(regions));
      const standing = regions.find(({ region_id: id }) => id === eu.id);
      assert.ok(standing.owed_count > 0, 'the liar is owed all that it has not signed');
      assert.equal((await region.local.ask('GET', '/readyz'))?.status, 200);
    }
    context.diagnostic(`lies: ${JSON.stringify(Object.fromEntries(liar.told))}`);
    assert.deepEqual(
      LIES.filter((lie) => !liar.told.has(lie)),
      [],
    );
    await liar.close();
    await eu.daemon.start();
    const report = await checkAll(cluster, shadow);
    assert.equal(report.certain, RECEIPTS);
    context.diagnostic(JSON.stringify(report));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
