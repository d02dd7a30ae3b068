import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host } from '../../sim/host.ts';
import { Net } from '../../sim/net.ts';
import { Random } from '../../sim/random.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { signerFromSeeds } from '../../src/adapters/signer-file.ts';
import { groupItems } from '../../src/log/group.ts';
import { OWN_LOG } from '../../src/ports/log-store.ts';
import { clusterOf } from '../../src/quorum/cluster.ts';
import { receiptIdOf } from '../../src/receipt/canonical.ts';
import type { SyncResult } from '../../src/region/sync-result.ts';
import { formatVerifierKey } from '../../src/tlog/vkey.ts';
import { verifyCertificate } from '../../src/verify.ts';
import { receiptOf } from '../receipts.ts';

const CLUSTER = 'again.example.com';
const IDS = ['a', 'b', 'c'];

/** Three regions in one process, on virtual time, whose texts have one refused line a region. */
class Three {
  readonly clock = new VirtualClock();
  readonly net = new Net(this.clock, new Random(1), { latencyMs: 2, loss: 0, duplication: 0, delay: 0 });
  readonly hosts: readonly Host[];
  readonly policy: string;

  constructor(threshold: number) {
    const signers = IDS.map((region, n) =>
      signerFromSeeds({ cluster: CLUSTER, region }, { log: Buffer.alloc(32, 2 * n + 1), mirror: Buffer.alloc(32, 2 * n + 2) }),
    );
    const keys = signers.map(({ mirrorKey, logKey }) => ({ publicKey: formatVerifierKey(mirrorKey), logKey: formatVerifierKey(logKey) }));
    const world = { clock: this.clock, net: this.net, observe: () => undefined, cosigned: () => undefined };
    let policy = '';
    this.hosts = IDS.map((region, n) => {
      const regions = IDS.flatMap((regionId, m) => (m === n ? [] : [{ regionId, weight: 1, timeoutMs: 500 }]));
      const settings = {
        region,
        weight: 1,
        crossRegionSyncEnabled: true,
        regions,
        quorumThreshold: threshold,
        maxRetries: 3,
        retryBackoffMs: 100,
        exclusive: false,
      };
      const keyed = regions.map((each) => ({
        ...each,
        publicKey: keys[IDS.indexOf(each.regionId)]?.publicKey,
        logKey: keys[IDS.indexOf(each.regionId)]?.logKey,
      }));
      const signer = signers[n];
      assert.ok(signer !== undefined);
      const cluster = clusterOf({ ...settings, cluster: CLUSTER, regions: keyed }, signer);
      policy = cluster.policyText;
      return new Host({ settings, signing: { signer, cluster, refusedLinesMax: 1 } }, new Random(n + 2), world);
    });
    this.policy = policy;
  }

  host(id: string): Host {
    const host = this.hosts[IDS.indexOf(id)];
    assert.ok(host !== undefined);
    return host;
  }

  async start(): Promise<void> {
    const started = Promise.all(this.hosts.map((host) => host.start()));
    await this.clock.advance(1_000);
    await started;
  }

  /** Nothing passes between `a` and the others, or everything does. */
  cut(isCut: boolean): void {
    for (const other of ['b', 'c']) for (const way of [`a>${other}`, `${other}>a`]) this.net.cuts[isCut ? 'add' : 'delete'](way);
  }

  /** A promise of the regions, with the time it takes. */
  async during<T>(asked: Promise<T>, ms: number): Promise<T | undefined> {
    let result: T | undefined;
    void asked.then((value) => (result = value));
    await this.clock.advance(ms);
    return result;
  }
}

/** Between two receipts that b (and c, where it has heard of them) refuse, `a` has one that nobody does, and a caller waits for it. */
async function between(three: Three, waitFor: 'quorum' | 'all', heard: boolean): Promise<{ readonly waiting: Promise<SyncResult> }> {
  const [a, b] = [three.host('a').region, three.host('b').region];
  assert.ok(a !== undefined && b !== undefined);
  three.cut(true);
  if (!heard) for (const way of ['b>c', 'c>b']) three.net.cuts.add(way);
  for (const n of ['first', 'last']) await three.during(b.sync(receiptOf(n, { ticks: 9 }), { waitFor: 'local' }), 100);
  await three.clock.advance(100);
  await three.during(a.sync(receiptOf('first'), { waitFor: 'local' }), 50);
  const waiting = a.sync(receiptOf('between'), { waitFor });
  await three.clock.advance(50);
  await three.during(a.sync(receiptOf('last'), { waitFor: 'local' }), 50);
  return { waiting };
}

function indexesOf(host: Host, receiptId: string): readonly number[] {
  const items = (host.disk.groups.get(OWN_LOG) ?? []).flatMap(({ frame }) => [...groupItems(frame)]);
  return items.flatMap(({ canonical }, index) => (canonical.length > 0 && receiptIdOf(canonical) === receiptId ? [index] : []));
}

test('a receipt that joined lines put out of reach is appended again: its caller gets quorum and certificate, at the new place', async () => {
  const three = new Three(2);
  await three.start();
  const { waiting } = await between(three, 'quorum', true);
  three.cut(false);
  const result = await three.during(waiting, 30_000);
  assert.equal(result?.outcome, 'quorum');
  const a = three.host('a');
  assert.equal(indexesOf(a, 'rec-between').length, 2);
  const certificate = (await three.during(result.certificate(), 5_000)) ?? '';
  const report = await verifyCertificate({ certificate, receipt: receiptOf('between'), policy: three.policy });
  assert.deepEqual(
    report.checks.filter(({ ok }) => !ok),
    [],
  );
  assert.match(certificate, new RegExp(`^index ${indexesOf(a, 'rec-between')[1]}$`, 'm'));
  // The caller who asks again is told of the place that counts; every region can prove it, also after they were down.
  const again = await three.during(a.region?.sync(receiptOf('between'), { waitFor: 'all' }) ?? Promise.reject(), 5_000);
  assert.deepEqual([again?.duplicate, again?.outcome, again?.weight], [true, 'quorum', 3]);
  for (const host of three.hosts) {
    host.crash();
    await three.during(host.start(), 1_000);
  }
  await three.clock.advance(15_000);
  for (const { region } of three.hosts) {
    const proof = await three.during(region?.certificate('rec-between', 'fewest') ?? Promise.reject(), 1_000);
    assert.equal((await verifyCertificate({ certificate: proof ?? '', receipt: receiptOf('between'), policy: three.policy })).valid, true);
  }
  assert.equal(indexesOf(a, 'rec-between').length, 2, 'once is enough');
});

test('where others can still certify it the receipt stays where it is, and who waits for all regions is told which one is out', async () => {
  const three = new Three(2);
  await three.start();
  // c has not heard of b's contents: it takes those of a, and signs for everything.
  const { waiting } = await between(three, 'all', false);
  three.net.cuts.delete('a>c');
  three.net.cuts.delete('c>a');
  await three.clock.advance(700);
  three.net.cuts.clear();
  const result = await three.during(waiting, 60_000);
  assert.deepEqual([result?.outcome, result?.weight], ['quorum', 2]);
  assert.deepEqual(
    result?.errors.map(({ region, code }) => [region, code]),
    [['b', 'REFUSED']],
  );
  assert.equal(indexesOf(three.host('a'), 'rec-between').length, 1);
  const certificate = (await three.during(result?.certificate() ?? Promise.reject(), 5_000)) ?? '';
  assert.equal((await verifyCertificate({ certificate, receipt: receiptOf('between'), policy: three.policy })).valid, true);
});
