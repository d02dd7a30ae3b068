import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { parseLogText } from '../../src/log/log-text.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { toHex } from '../../src/std/bytes.ts';
import { parseNote } from '../../src/tlog/note.ts';
import { verifyCertificate } from '../../src/verify.ts';
import { MirroredCluster, type TestRegion, until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';
import { provable, type Rivalry, rival, type Side, settleAll } from './rivals.ts';

const THREE = { weights: { 'us-east-1': 1, 'us-west-1': 1, 'eu-west-1': 1 }, threshold: 2 };
/** `ROUNDS=1000` for the whole of it. */
const ROUNDS = Number(process.env['ROUNDS'] ?? 100);
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
/** Rounds under way at once. */
const AT_ONCE = 10;

function sideOf(region: TestRegion): Side {
  return {
    id: region.id,
    submit: async (receipt) => region.manager.syncReceipt(receipt, { deadline: '500ms' }),
    certificate: async (receiptId) => region.manager.getCertificate(receiptId),
    digests: async (receiptId) => {
      const stored = await region.manager.getStored(receiptId);
      return stored && { held: toHex(stored.digest), refused: stored.refused.map(({ digest }) => toHex(digest)) };
    },
  };
}

test('one id, two contents, to two regions at once: never two certificates, and both sides see it', async () => {
  console.log(`seed ${SEED}, ${ROUNDS} rounds`);
  const random = new Random(SEED);
  await using cluster = await MirroredCluster.start(THREE);
  const sides = cluster.regions.map(sideOf);
  const policy = cluster.policy('us-east-1');
  const rivalries: Rivalry[] = [];
  while (rivalries.length < ROUNDS) {
    const names = Array.from({ length: AT_ONCE }, (_, n) => `rival-${rivalries.length + n}`);
    rivalries.push(...(await Promise.all(names.map((name) => rival(sides, random, name)))));
    const [some] = rivalries.slice(-1);
    assert.ok(some !== undefined && (await provable(sides, some, policy)).length <= 1);
  }
  await settleAll(sides, rivalries, policy);
  const both = rivalries.filter(({ taken }) => taken.every((was) => was)).length;
  console.log(`${both} of ${rivalries.length} rounds ended with two contents in two logs`);
  assert.ok(both > 0);
  const [first] = rivalries.filter(({ taken }) => taken.every((was) => was));
  assert.ok(first !== undefined);
  for (const region of cluster.regions.filter(({ id }) => first.sides.some((side) => side.id === id))) {
    const stored = await region.manager.getStored(first.receiptId);
    assert.equal(stored === undefined ? '' : region.manager.standingOf(stored).state, 'conflict');
    assert.ok(region.events.some((event) => event.kind === 'conflict' && event.receiptId === first.receiptId && event.from === 'mirror'));
    assert.ok(region.manager.overview().conflicts > 0 && region.manager.overview().alarms.some(({ alarm }) => alarm === 'conflict'));
    const { verdict, regions } = await region.manager.verify(first.receiptId);
    const isWinner = regions.filter(({ digest }) => digest === toHex(stored?.digest ?? new Uint8Array())).length > 1;
    assert.equal(verdict, isWinner ? 'confirmed' : 'conflict');
    assert.ok(regions.find((each) => each.region === region.id)?.refused?.some(({ region: origin }) => first.sides.some(({ id }) => id === origin)));
  }
});

test('the same with regions that go and come back in between', async () => {
  const random = new Random(SEED + 1);
  await using cluster = await MirroredCluster.start(THREE);
  const sides = cluster.regions.map(sideOf);
  const policy = cluster.policy('us-east-1');
  const rivalries: Rivalry[] = [];
  for (let round = 0; round < ROUNDS / 2; round += AT_ONCE) {
    const victim = random.pick(cluster.regions);
    const names = Array.from({ length: AT_ONCE }, (_, n) => `rival-${round + n}`);
    const under = Promise.all(names.map((name) => rival(sides, random, name)));
    await new Promise((resolve) => setTimeout(resolve, random.uniform() * 10));
    await victim.stop();
    const away = await rival(sides, random, `away-${round}`);
    rivalries.push(...(await under), away);
    await victim.start();
  }
  await settleAll(sides, rivalries, policy);
  assert.deepEqual(
    cluster.regions.flatMap((region) => region.alarms()).filter((alarm) => alarm !== 'link-paused' && alarm !== 'conflict'),
    [],
  );
});

test('more than 64 conflicts, interleaved over three origins: everything unrefused is certified in every region, and after restarts too', async () => {
  const conflicts = 90;
  await using cluster = await MirroredCluster.start(THREE);
  const { regions } = cluster;
  const policy = cluster.policy('us-east-1');
  const submit = (region: TestRegion | undefined, receipt: Receipt): Promise<unknown> =>
    region === undefined ? Promise.reject(new Error('no region')) : region.manager.syncReceipt(receipt, { waitFor: 'local' }).catch(() => undefined);
  const plain: Receipt[] = [];
  // Each pair of regions in turn gets the two contents while neither hears of the other; what is in between is nobody's rival.
  for (let n = 0; n < conflicts; n += 1) {
    const [one, two] = [regions[n % 3], regions[(n + 1) % 3]];
    const mine = regions.map((region) => ({ region, receipt: receiptOf(`${region.id}-${n}`) }));
    await Promise.all([
      submit(one, receiptOf(`x-${n}`)),
      submit(two, receiptOf(`x-${n}`, { ticks: 9 })),
      ...mine.map(({ region, receipt }) => submit(region, receipt)),
    ]);
    plain.push(...mine.map(({ receipt }) => receipt));
  }
  const lines = (region: TestRegion): number => parseLogText(parseNote(region.manager.servedLog()?.checkpoint() ?? '').text).refused.length;
  const isProvedBy = async (region: TestRegion, receipt: Receipt): Promise<boolean> => {
    const certificate = await region.manager.getCertificate(receipt.receiptId).catch(() => '');
    return (await verifyCertificate({ certificate, receipt, policy })).valid;
  };
  const checkAll = async (): Promise<void> => {
    for (const receipt of plain) for (const region of regions) await until(`${region.id} proves ${receipt.receiptId}`, () => isProvedBy(region, receipt));
    for (let n = 0; n < conflicts; n += 1) {
      const contents = [receiptOf(`x-${n}`), receiptOf(`x-${n}`, { ticks: 9 })];
      const winners = async (): Promise<number> => {
        const proved = await Promise.all(
          contents.map(async (receipt) => (await Promise.all(regions.map((region) => isProvedBy(region, receipt)))).filter(Boolean).length),
        );
        assert.ok(
          proved.some((count) => count === 0),
          'one content at most',
        );
        return Math.max(...proved);
      };
      // The third region decides: two hold it, and both can prove it.
      await until(`x-${n} is certified`, async () => (await winners()) >= 2);
    }
  };
  await checkAll();
  const refused = regions.map((region) => region.manager.overview().conflicts);
  console.log(`lines ${regions.map(lines).join(', ')}; conflicts seen ${refused.join(', ')}`);
  assert.ok(regions.every((region) => lines(region) <= 64));
  for (const region of regions) await region.stop();
  for (const region of regions) await region.start();
  await checkAll();
});
