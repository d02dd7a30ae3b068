import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeGroup } from '../../src/log/group.ts';
import { frameLeaves } from '../../src/log/growth.ts';
import { formatLogText, parseLogText } from '../../src/log/log-text.ts';
import { type NewGroup, OWN_LOG } from '../../src/ports/log-store.ts';
import type { StoredReceipt } from '../../src/ports/receipt-index.ts';
import { canonicalBytes, receiptDigest } from '../../src/receipt/canonical.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import type { SyncResult } from '../../src/region/sync-result.ts';
import { append, EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { Host, type HostWorld } from '../host.ts';
import { MemoryDisk } from '../memory-disk.ts';
import { Net } from '../net.ts';
import { Random } from '../random.ts';
import { machineOf } from '../swarm.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { receiptOf } from '../workload/submit.ts';
import { allCheckers, beyondCheckers } from './all.ts';
import { type Checker, Violation } from './checker.ts';
import { mayBeAccused } from './no-false-alarm.ts';

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
  const world: HostWorld = { clock, net, observe: () => undefined, cosigned, signed, hosts: () => hosts };
  const newHost = (n: number): Host => new Host(machineOf({ weights: [1, 1, 1], quorumThreshold: 2, n }), random.fork(), world);
  const hosts: readonly [Host, Host, Host] = [newHost(0), newHost(1), newHost(2)];
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
  ['what is read is what was stored', (history) => read(history, (stored) => ({ ...stored, receipt: receiptOf('r-1', 2) }))],
  ['who has forgotten finds out, and signs nothing', ({ hosts }) => hosts[1].lostTo.add('region-0')],
  ['what is written opens its entry', ({ hosts: [{ disk }] }) => spoil(disk, -1)],
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

function rootOfRival(receiptId: string): Uint8Array {
  const { frame, count } = rivalOf(receiptId, 0);
  return rootOf(append(EMPTY_EDGE, frameLeaves(frame, count)).edge);
}

/** Another log than the one that was signed: its text, signed by two. */
function signedAnew({ hosts, checkers }: History): void {
  const origin = hosts[1].signing?.signer.logKey.name ?? '';
  const text = formatLogText({ origin, size: 1, root: rootOfRival('r-1'), refused: [] });
  for (const host of hosts.slice(1)) each(checkers, (one) => one.cosigned?.(host.id, text, host));
}

/** Somebody reads the receipt, and is given this instead. */
function read({ hosts, checkers }: History, wrong: (stored: StoredReceipt) => StoredReceipt | undefined): void {
  const [host] = hosts;
  const receipt = receiptOf('r-1');
  const { digest, places } = host.disk.index.get('r-1') ?? { digest: new Uint8Array(), places: [] };
  const known = places.map(({ log, index }) => ({ log, index, recordedAt: 1n, leaf: new Uint8Array(32) }));
  const given = wrong({ receipt, digest, places: known, refused: [], recordedAt: 1n, cursor: '1.0' });
  each(checkers, (one) => one.read?.(host, { given: given === undefined ? [] : [given], owed: ['r-1'] }));
}

/** Another bit in the frame of the own log; the last byte is of the salt. */
function spoil(disk: MemoryDisk, at: number): void {
  const groups = (disk.groups.get(OWN_LOG) ?? []).map((group) => ({ ...group, frame: group.frame.with(at, (group.frame.at(at) ?? 0) ^ 1) }));
  disk.groups.set(OWN_LOG, groups);
}

function forgetNotes({ disk }: Host): void {
  for (const [log, known] of disk.logs) disk.logs.set(log, { ...known, certified: undefined, kept: [] });
}

/** More that goes wrong, who must see it, what is peculiar about it, and what is said of it. */
const MORE_WRONGS: readonly (readonly [string, string, RegExp, (history: History) => void])[] = [
  [
    'mirrors have the same logs',
    'a mirror that has all and has not cosigned the whole',
    /^region-1 has cosigned 0 entries of region-0, which has 1$/,
    ({ hosts }) => forgetCosignatures(hosts[0], 'region-1'),
  ],
  [
    'what is signed is on the disk, and has one root',
    'of the log of a region that has lost nothing there is another one on a new disk',
    /^region-1 signs a second root of 1 entries of/,
    (history) => {
      const [, { disk: before }] = history.hosts;
      renewed(history, 1, ({ hosts: [, { disk }] }) => {
        for (const [log, known] of before.logs) disk.logs.set(log, known);
        for (const [log] of before.groups) disk.groups.set(log, [{ ...rivalOf('r-1', 0), log }]);
      });
      cosigned(history, (text) => ({ ...text, root: rootOfRival('r-1') }));
    },
  ],
  [
    'nobody signs less than before, or it is said',
    'what was said of it before is no answer',
    /^region-1 has signed 0 entries of .* after 1$/,
    (history) =>
      renewed(history, 1, (now) => {
        accused(now);
        signsLess(now);
      }),
  ],
  [
    'nobody signs less than before, or it is said',
    'a machine that is off, and is none of its witnesses, is no excuse',
    /^region-1 has signed 0 entries/,
    (history) => {
      renewed(history, 1, signsLess);
      history.hosts[2].crash();
    },
  ],
  [
    'who has forgotten finds out, and signs nothing',
    'its own log is longer elsewhere',
    /^region-1 came back with less of its own log than region-0 holds of it/,
    ({ hosts }) => hosts[1].lostOwnTo.add('region-0'),
  ],
  [
    'what is read is what was stored',
    'what is there is not given',
    /^region-0 has r-1 on its disk, and leaves it out$/,
    (history) => read(history, () => undefined),
  ],
  [
    'what is read is what was stored',
    'another content with the digest of its own',
    /^region-0 gives a content of r-1 that its disk was not given$/,
    (history) => read(history, (stored) => ({ ...stored, receipt: receiptOf('r-1', 2), digest: receiptDigest(canonicalBytes(receiptOf('r-1', 2))) })),
  ],
  [
    'what is read is what was stored',
    'a place where it does not stand',
    /^region-0 says that r-1 is entry 7 of log 1, and it is not$/,
    (history) => read(history, (stored) => ({ ...stored, places: stored.places.map((place) => ({ ...place, index: 7 })) })),
  ],
  [
    'what is written opens its entry',
    'another content',
    /^entry 0 of log 1 of region-1: a receipt that its entry does not commit to$/,
    ({ hosts }) => spoil(hosts[1].disk, -20),
  ],
  [
    'what is written opens its entry',
    'another digest in the index',
    /^entry 0 of log \d of region-2: the index has not the digest of r-1$/,
    ({ hosts: [, , { disk }] }) => disk.index.set('r-1', { digest: new Uint8Array(32), places: disk.index.get('r-1')?.places ?? [] }),
  ],
  [
    'what is written opens its entry',
    'a copy in a mirror without its salt',
    /^entry 0 of log \d of region-2: a receipt that its entry does not commit to$/,
    ({ hosts: [, , { disk }] }) => {
      for (const [log, groups] of disk.groups)
        disk.groups.set(
          log,
          groups.map((group) => ({ ...group, frame: Uint8Array.from(group.frame).fill(0, -16) })),
        );
    },
  ],
];

/** What looks like one of them, beyond the stated faults, and is none. */
const LOOKALIKES: readonly (readonly [string, string, (history: History) => void])[] = [
  ['a quorum is on disks', 'who held it has another disk by now', (history) => renewed(history, 1, () => returned(history, {}))],
  ['acknowledged is durable', 'who acknowledged it has another disk by now', (history) => renewed(history, 0)],
  ['what is certified is never lost', 'who held it has another disk by now', (history) => renewed(history, 1)],
  ['a repeat has the same answer', 'who has forgotten takes it for new', (history) => renewed(history, 0, () => returned(history, { duplicate: false }))],
  [
    'verify says what is on disks',
    'a region has another disk by now',
    (history) => {
      const { digest } = history.result;
      const regions = ['region-0', 'region-1', 'region-2'].map((region) => ({ region, state: 'confirmed' as const, digest }));
      renewed(history, 1, ({ checkers, hosts }) =>
        each(checkers, (one) => one.verified?.(hosts[0], { receiptId: 'r-1', verdict: 'confirmed', weight: 3, threshold: 2, regions }, hosts)),
      );
    },
  ],
  [
    'nobody signs less than before, or it is said',
    'somebody says so',
    (history) =>
      renewed(history, 1, (now) => {
        signsLess(now);
        accused(now);
      }),
  ],
  [
    'nobody signs less than before, or it is said',
    'who could say so is off',
    (history) => {
      renewed(history, 1, signsLess);
      history.hosts[0].crash();
    },
  ],
  ['what is read is what was stored', 'it is', (history) => read(history, (stored) => stored)],
];

function accused({ checkers }: History): void {
  each(checkers, (one) => one.accused?.('region-1'));
}

function signsLess(history: History): void {
  cosigned(history, (text) => ({ ...text, size: 0 }));
}

function renewed(history: History, n: 0 | 1 | 2, then: (history: History) => void = () => undefined): void {
  history.hosts[n].insert(new MemoryDisk());
  then(history);
}

function forgetCosignatures({ disk }: Host, region: string): void {
  const known = disk.cosigned.get(region);
  if (known !== undefined) disk.cosigned.set(region, { ...known, size: known.size - 1 });
}

test('a history in which nothing went wrong satisfies every checker', async () => {
  const history = await sound();
  finish(history);
  assert.equal(history.result.outcome, 'quorum');
  assert.deepEqual(history.checkers.map(({ name }) => name).toSorted(), WRONGS.map(([name]) => name).toSorted());
});

for (const [name, wrong] of WRONGS) test(`what breaks “${name}” is seen by its checker`, async () => assert.throws(await after(name, wrong), Violation));

for (const [name, what, message, wrong] of MORE_WRONGS)
  test(`what breaks “${name}” is seen by its checker: ${what}`, async () => assert.throws(await after(name, wrong), { name: 'Violation', message }));

for (const [name, what, wrong] of LOOKALIKES)
  test(`“${name}” holds beyond the stated faults: ${what}`, async () => {
    assert.doesNotThrow(await after(name, wrong));
    assert.ok(beyondCheckers().some((checker) => checker.name === name));
  });

test('a region may be accused from when on it has another disk, or a second machine, and no other region is', async () => {
  const { hosts } = await sound();
  assert.ok(!mayBeAccused(hosts, 'region-1'));
  hosts[1].insert(new MemoryDisk());
  assert.ok(mayBeAccused(hosts, 'region-1'));
  assert.ok(!mayBeAccused(hosts, 'region-0'));
});

/** What one checker says of a history that went on like this. */
async function after(name: string, happens: (history: History) => void): Promise<() => void> {
  const history = await sound();
  const own = { ...history, checkers: history.checkers.filter((checker) => checker.name === name) };
  return () => {
    happens(own);
    finish(own);
  };
}
