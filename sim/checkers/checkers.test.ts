import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeGroup } from '../../src/log/group.ts';
import { frameLeaves } from '../../src/log/growth.ts';
import { formatLogText, parseLogText } from '../../src/log/log-text.ts';
import { type NewGroup, OWN_LOG } from '../../src/ports/log-store.ts';
import { canonicalBytes, receiptDigest } from '../../src/receipt/canonical.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import type { SyncResult } from '../../src/region/sync-result.ts';
import { append, EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { Host } from '../host.ts';
import { Net } from '../net.ts';
import { Random } from '../random.ts';
import { machineOf } from '../swarm.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { receiptOf } from '../workload/submit.ts';
import { allCheckers, beyondCheckers } from './all.ts';
import { type Checker, Violation } from './checker.ts';

/** What happened in a cluster of three, where nothing went wrong. */
interface History {
  readonly hosts: readonly [Host, Host, Host];
  readonly checkers: readonly Checker[];
  readonly receipt: Receipt;
  readonly result: SyncResult;
  readonly certificate: string;
  /** The last text that `region-1` has cosigned of the log of `region-0`. */
  readonly text: string;
}

/** One receipt each in the logs of two regions, certified and handed out, with every checker looking on. */
async function sound(): Promise<History> {
  const [clock, random] = [new VirtualClock(), new Random(1)];
  const net = new Net(clock, random.fork(), { latencyMs: 5, loss: 0, duplication: 0, delay: 0 });
  const checkers = [...allCheckers(new Set()), ...beyondCheckers().slice(-1)];
  let text = '';
  const cosigned = (region: string, signed: string, host: Host): void => {
    for (const checker of checkers) checker.cosigned?.(region, signed, host);
    if (region === 'region-1' && signed.includes('/region-0/')) text = signed;
  };
  const signed = (region: string, text: string, host: Host): void => {
    for (const checker of checkers) checker.signed?.(region, text, host);
  };
  const newHost = (n: number): Host =>
    new Host(machineOf({ weights: [1, 1, 1], quorumThreshold: 2, n }), random.fork(), { clock, net, observe: () => undefined, cosigned, signed });
  const hosts = [newHost(0), newHost(1), newHost(2)] as const;
  for (const host of hosts) void host.start();
  await clock.advance(1_000);
  const receipt = receiptOf('r-1');
  const [result] = await within(clock, [bring(hosts[0], receipt), bring(hosts[1], receiptOf('r-2'))]);
  assert.ok(result !== undefined);
  await clock.advance(20_000);
  const [certificate = ''] = await within(clock, [result.certificate()]);
  for (const checker of checkers) {
    checker.acknowledged?.({ region: 'region-0', receiptId: receipt.receiptId, digest: result.digest });
    checker.returned?.(hosts[0], result, hosts);
    checker.certified?.(hosts[0], { receipt, certificate }, hosts);
  }
  return { hosts, checkers, receipt, result, certificate, text };
}

function bring(host: Host, receipt: Receipt): Promise<SyncResult> {
  assert.ok(host.region !== undefined);
  return host.region.sync(receipt, { waitFor: 'all' });
}

async function within<T>(clock: VirtualClock, promises: readonly Promise<T>[]): Promise<readonly T[]> {
  let all: readonly T[] | undefined;
  void Promise.all(promises).then((values) => (all = values));
  await clock.runUntil(() => all !== undefined, clock.monotonicMs() + 10_000);
  assert.ok(all !== undefined);
  return all;
}

function finish({ checkers, hosts }: History): void {
  for (const checker of checkers) checker.finished(hosts);
}

const OTHER = '00'.repeat(32);

/** What goes wrong in a history that was sound, and who must see it. */
const WRONGS: readonly (readonly [string, (history: History) => void])[] = [
  ['acknowledged is durable', ({ checkers }) => each(checkers, (one) => one.acknowledged?.({ region: 'region-2', receiptId: 'r-1', digest: OTHER }))],
  ['one id, one content', (history) => returned(history, { digest: OTHER, weight: 0, threshold: 2 })],
  [
    'a quorum is on disks',
    (history) => {
      for (const { disk } of history.hosts.slice(1)) disk.index.delete('r-1');
      returned(history, {});
    },
  ],
  ['one id, one certificate', ({ hosts }) => hosts[1].disk.groups.set(OWN_LOG, [rivalOf('r-1', 0)])],
  [
    'one id, one certificate, in every history',
    (history) => {
      history.hosts[1].disk.groups.set(OWN_LOG, [rivalOf('r-1', 0)]);
      signedAnew(history);
    },
  ],
  ['a certificate proves its receipt', (history) => certified(history, receiptOf('r-1', 2), history.certificate)],
  ['another verifier agrees', (history) => certified(history, history.receipt, history.certificate.replace(/\nindex 0\n/, '\nindex 1\n'))],
  [
    'what is certified is never lost',
    ({ hosts }) => {
      for (const { disk } of hosts.slice(1)) disk.index.delete('r-1');
    },
  ],
  ['a repeat has the same answer', (history) => returned(history, { duplicate: false })],
  ['every call is answered', ({ hosts, checkers }) => each(checkers, (one) => one.asked?.(hosts[0], 'r-1', new Promise(() => undefined)))],
  ['what is signed is on the disk, and has one root', (history) => cosigned(history, (text) => ({ ...text, root: new Uint8Array(32) }))],
  ['what is signed is durable', (history) => cosigned(history, (text) => ({ ...text, size: text.size + 1 }))],
  ['nobody signs less than before, or it is said', (history) => cosigned(history, (text) => ({ ...text, size: 0 }))],
  [
    'an own receipt is in the own log',
    ({ hosts, result, checkers }) => each(checkers, (one) => one.returned?.(hosts[2], { ...result, duplicate: false }, hosts)),
  ],
  ['everything owed arrives', ({ hosts }) => hosts[2].disk.index.delete('r-1')],
  ['what is unrefused is certified', ({ hosts }) => forgetNotes(hosts[2])],
  ['what is refused is on record', ({ hosts }) => hosts[0].disk.refused.set('r-2', [{ log: 3, index: 0, digest: new Uint8Array(32) }])],
  ['the first content wins in each region', ({ hosts }) => hosts[0].disk.groups.get(OWN_LOG)?.push(rivalOf('r-1', 1))],
  [
    'verify says what is on disks',
    ({ checkers, hosts, result: { digest } }) => {
      const regions = ['region-0', 'region-1', 'region-2'].map((region) => ({ region, state: 'confirmed' as const, digest }));
      each(checkers, (one) => one.verified?.(hosts[0], { receiptId: 'r-2', verdict: 'confirmed', weight: 3, threshold: 2, regions }, hosts));
    },
  ],
  ['who has forgotten finds out, and signs nothing', ({ hosts }) => hosts[1].lostTo.add('region-0')],
  ['times rise within a log', ({ hosts }) => hosts[0].disk.groups.get(OWN_LOG)?.push(rivalOf('r-9', 1))],
  ['mirrors have the same logs', ({ hosts }) => forgetNotes(hosts[1])],
  ['no false alarm', ({ hosts }) => hosts[1].disk.evidence.set('x', 'y')],
];

function each(checkers: readonly Checker[], tell: (checker: Checker) => void): void {
  for (const checker of checkers) tell(checker);
}

function returned({ checkers, hosts, result }: History, wrong: Partial<SyncResult>): void {
  each(checkers, (one) => one.returned?.(hosts[0], { ...result, ...wrong }, hosts));
}

function certified({ checkers, hosts }: History, receipt: Receipt, certificate: string): void {
  each(checkers, (one) => one.certified?.(hosts[0], { receipt, certificate }, hosts));
}

function cosigned({ checkers, hosts, text }: History, wrong: (text: ReturnType<typeof parseLogText>) => ReturnType<typeof parseLogText>): void {
  const signed = formatLogText(wrong(parseLogText(text)));
  each(checkers, (one) => one.cosigned?.('region-1', signed, hosts[1]));
}

/** A group of one receipt whose content is another one's. */
function rivalOf(receiptId: string, start: number): NewGroup {
  const canonical = canonicalBytes(receiptOf(receiptId, 2));
  const digest = receiptDigest(canonical);
  return { log: OWN_LOG, start, count: 1, frame: encodeGroup([{ canonical, digest }], new Uint8Array(16), 1n), digests: digest, refused: [], again: [] };
}

/** Another log than the one that was signed: its text, signed by two. */
function signedAnew({ hosts, checkers }: History): void {
  const { frame, count } = rivalOf('r-1', 0);
  const origin = hosts[1].signing?.signer.logKey.name ?? '';
  const text = formatLogText({ origin, size: 1, root: rootOf(append(EMPTY_EDGE, frameLeaves(frame, count)).edge), refused: [] });
  for (const host of hosts.slice(1)) each(checkers, (one) => one.cosigned?.(host.id, text, host));
}

function forgetNotes({ disk }: Host): void {
  for (const [log, known] of disk.logs) disk.logs.set(log, { ...known, certified: undefined, kept: [] });
}

test('a history in which nothing went wrong satisfies every checker', async () => {
  const history = await sound();
  finish(history);
  assert.equal(history.result.outcome, 'quorum');
  assert.deepEqual(history.checkers.map(({ name }) => name).toSorted(), WRONGS.map(([name]) => name).toSorted());
});

for (const [name, wrong] of WRONGS)
  test(`what breaks “${name}” is seen by its checker`, async () => {
    const history = await sound();
    const own = history.checkers.filter((checker) => checker.name === name);
    assert.throws(() => {
      wrong({ ...history, checkers: own });
      finish({ ...history, checkers: own });
    }, Violation);
  });
