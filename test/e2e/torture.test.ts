import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { members } from '../torture/ask.ts';
import { checkServed } from '../torture/checker.ts';
import { Cluster, type Region } from '../torture/cluster.ts';
import { diskProblem } from '../torture/disk.ts';
import { checkFiles } from '../torture/files.ts';
import { Load } from '../torture/load.ts';
import { type MixedReport, mixedRound } from '../torture/mixed.ts';
import { powerCuts } from '../torture/power.ts';
import { type HandedOut, Shadow, type Submitted } from '../torture/shadow.ts';
import { straceProblem } from '../torture/strace.ts';
import { freshSyncPoints } from '../torture/sync-points.ts';

/** A tenth of what `npm run torture -- --full` does, or less; `--faults N --seed S` and the like have one of them again. */
const FAULTS = 5;
const CUTS = 2;
/** What docs/operate/failures.md says an operator sees, and the faults themselves hold it to. */
const SAID = ['eio-sync', 'full', 'most-away'] as const;

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
  inFolder(context, (folder, seed) => met(mixedRound(folder, FAULTS, seed))));

/** A round in which nothing befell anybody shows nothing. */
async function met(round: Promise<MixedReport>): Promise<MixedReport> {
  const report = await round;
  assert.ok(Object.keys(report.faults).length > 0, JSON.stringify(report.notMet));
  return report;
}

test('power cuts under load: nothing acknowledged is lost, no region takes itself for one that has forgotten', (context) => {
  const problem = diskProblem('ext4');
  if (problem !== undefined) return context.skip(`NO POWER CUTS WERE MADE: ${problem}`);
  return inFolder(context, (folder, seed) => powerCuts(folder, CUTS, seed));
});

test('a first start that ends at one of its sync points is one that never was, or one that can be gone on with', (context) => {
  const problem = straceProblem();
  if (problem !== undefined) return context.skip(`NO PROCESS WAS ENDED AT A SYNC POINT: ${problem}`);
  return inFolder(context, (folder, seed) => freshSyncPoints(folder, 1, seed, 1 + new Random(seed).below(30)));
});

test('a failed fsync, a full disk and a quorum out of reach are said by log, status and probes; reads go on, and so does all of it when it is over', (context) => {
  const problem = straceProblem() ?? diskProblem('tmpfs');
  if (problem !== undefined) return context.skip(`NO FSYNC FAILED, NO DISK WAS FULL: ${problem}`);
  return inFolder(context, async (folder, seed) => {
    const report = await mixedRound(folder, SAID.length, seed, SAID);
    assert.deepEqual(Object.keys(report.faults), SAID, 'all of them were met');
    return report;
  });
});

test('the checker sees what is not as it was promised', async (context) => {
  await inFolder(context, async (folder, seed) => {
    const random = new Random(seed);
    await using cluster = await Cluster.make(folder, random.fork(), { kinds: ['folder'] });
    await cluster.start();
    const shadow = new Shadow();
    const load = new Load(cluster, random.fork(), shadow);
    await load.busyWithAtLeast(1_200);
    await load.stop();
    const { logs } = await checkServed(cluster, shadow);
    const alarms = await Promise.all(cluster.regions.map(alarmsLogged));
    assert.ok(
      alarms.some((count) => count > 0),
      'rivals raise alarms',
    );
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
    const first = cluster.regions[0];
    assert.ok(first !== undefined);
    await checkFiles(cluster, shadow, logs);
    for (const [finding, plant] of inFiles(first, never)) {
      const planted = copyOf(shadow);
      const mend = plant(planted);
      await assert.rejects(checkFiles(cluster, planted, logs), finding);
      mend();
    }
    await checkFiles(cluster, shadow, logs);
    return { plants: plants.length, inFiles: inFiles(first, never).length };
  });
});

const CAME_AND_WENT = `2026-01-01T00:00:00Z ERROR: Alarm remote-forgot for region us-west-1: it holds less
2026-01-01T00:00:01Z INFO: Alarm remote-forgot for region us-west-1 has ended
`;

/** What is wrong in the files of a region that has stopped, with what mends it. */
function inFiles({ daemon, disk }: Region, never: Submitted): readonly (readonly [RegExp, (planted: Planted) => () => void])[] {
  const log = join(daemon.folder, 'serve.log');
  const evidence = join(disk.path, 'data', 'evidence');
  const changed = (statement: string): (() => void) => changedStore(join(disk.path, 'data', 'receipts.db'), statement);
  return [
    [/never-sent, and it is not in its file/, ({ durable }) => promised(durable.set('us-east-1', new Map([[never.digest, never]])))],
    [/never-sent was told to have its quorum, and is in 0 files/, ({ certain }) => promised(certain.set(never.digest, never))],
    [/alarm that no fault of a round deserves: .*remote-forgot/, () => added(log, CAME_AND_WENT)],
    [/keeps evidence against somebody honest: some.json/, () => kept(evidence)],
    [/is not opened by its salt/, () => changed('UPDATE entry_group SET frame = spoiled(frame) WHERE log = 3')],
    [/that begins at/, () => changed('DELETE FROM entry_group WHERE log = 3 AND start = 0')],
    [/entries in its file, and says/, () => changed('UPDATE log SET size = size + 1 WHERE log = 1')],
    [/does not lead to its root/, () => changed('UPDATE log SET root = zeroblob(32) WHERE log = 1')],
    [/the index has another receipt at/, () => changed('DELETE FROM receipt WHERE log = 1 AND idx = 0')],
    [/receipts in its index and/, () => changed("INSERT INTO receipt VALUES ('of nowhere', 1, 1000000, zeroblob(32))")],
    [/tile 0\/0 is another/, () => changed('DELETE FROM tile WHERE level = 0 AND idx = 0 AND log = (SELECT min(log) FROM tile)')],
  ];
}

/** What was planted in the clients' memory goes with it. */
function promised(_: object): () => void {
  return () => undefined;
}

function added(file: string, line: string): () => void {
  const before = readFileSync(file);
  appendFileSync(file, line);
  return () => writeFileSync(file, before);
}

function kept(folder: string): () => void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'some.json'), '{}');
  return () => rmSync(folder, { recursive: true });
}

/** A statement that changes something; the file is put back as it was. */
function changedStore(path: string, statement: string): () => void {
  const before = readFileSync(path);
  const database = new DatabaseSync(path);
  database.function('spoiled', (bytes) => (bytes instanceof Uint8Array ? bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1) : null));
  const { changes } = database.prepare(statement).run();
  database.close();
  assert.ok(changes > 0, `nothing to change by ${statement}`);
  return () => writeFileSync(path, before);
}

/** Every alarm that stands, each of which is a line in the log of a region that was never killed. */
async function alarmsLogged({ daemon, local }: Region): Promise<number> {
  const { alarms } = members(await local.ask('GET', '/api/v1/status'));
  assert.ok(Array.isArray(alarms));
  for (const { alarm, region, message } of alarms) assert.ok(daemon.log.includes(`Z ERROR: Alarm ${alarm} for region ${region}: ${message}\n`), message);
  return alarms.length;
}

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
