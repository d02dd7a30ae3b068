import { verifyCertificate } from '../../src/verify.ts';
import { type Answer, type Listener, members } from './ask.ts';
import { type Cluster, type Region, THRESHOLD } from './cluster.ts';
import { checkFiles, type FilesReport, isUndeserved } from './files.ts';
import { mirrorOf, readLogs, type WholeLog } from './logs.ts';
import { contentJson, type Policy, readCertificate, readHead, readPolicy } from './proofs.ts';
import { type HandedOut, type Shadow, type Submitted, Violation } from './shadow.ts';

/** After the last fault: a link that was paused by a spoiled message asks again within 30 s. */
const QUIET_MS_MAX = 90_000;
/** Receipts that are asked for one by one, of those that were told to be certain. */
const SAMPLE = 200;
/** … and every so many of those by a question to all regions. */
const QUORUM_STEP = 5;
const AT_ONCE = 16;

/** What was looked at, all of it found good. */
export interface CheckReport extends FilesReport {
  readonly certain: number;
  readonly durable: number;
  readonly submitted: number;
  readonly unanswered: number;
  readonly conflicts: number;
  readonly contested: number;
  readonly certificates: number;
  readonly entries: number;
  /** From the last fault until all regions had the same logs. */
  readonly quietMs: number;
}

/**
 * Holds every region to what the clients were told, over HTTP, with the public policy alone, and in its files; nothing of the product's own
 * reading of its state. The faults must be over; the regions are stopped by it. Throws a Violation that names the first thing that is not as it was promised.
 */
export async function checkAll(cluster: Cluster, shadow: Shadow): Promise<CheckReport> {
  const { report, logs } = await checkServed(cluster, shadow);
  return { ...report, ...(await checkFiles(cluster, shadow, logs)) };
}

/** The part over HTTP: nothing is stopped by it. `logs`: as they were served, by origin. */
export async function checkServed(
  cluster: Cluster,
  shadow: Shadow,
): Promise<{ readonly report: Omit<CheckReport, keyof FilesReport>; readonly logs: ReadonlyMap<string, WholeLog> }> {
  const policy = cluster.policy === undefined ? undefined : readPolicy(cluster.policy);
  const startMs = performance.now();
  const logs = await quietLogs(cluster, policy);
  const quietMs = Math.round(performance.now() - startMs);
  const held = new Map(await Promise.all(cluster.regions.map(async (region) => [region.id, await holdings(region, shadow)] as const)));
  checkPromises(shadow, held);
  await checkReads(cluster, shadow);
  if (policy !== undefined) {
    shadow.handedOut.push(...(await certificatesNow(cluster, shadow)));
    await checkCertificates(cluster.policy ?? '', policy, { shadow, held, logs });
  }
  const durable = [...shadow.durable.values()].reduce((sum, there) => sum + there.size, 0);
  const report = {
    certain: shadow.certain.size,
    durable,
    submitted: shadow.submitted.size,
    unanswered: shadow.unanswered,
    conflicts: shadow.conflicts,
    contested: shadow.contested.length,
    certificates: shadow.handedOut.length,
    entries: [...logs.values()].reduce((sum, { leaves }) => sum + leaves.length, 0),
    quietMs,
  };
  return { report, logs };
}

/** By region: id → digest. */
type Held = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Once nothing is owed anywhere, every log from its origin and from both mirrors: all the same, and each rebuilt from its entries. */
async function quietLogs(cluster: Cluster, policy: Policy | undefined): Promise<ReadonlyMap<string, WholeLog>> {
  const deadline = performance.now() + QUIET_MS_MAX;
  for (let why = ''; ; ) {
    why = (await Promise.all(cluster.regions.map((region) => restless(cluster, region, policy)))).find((each) => each !== undefined) ?? '';
    if (why === '') break;
    if (performance.now() > deadline) throw new Violation(`no rest within ${QUIET_MS_MAX} ms: ${why}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return policy === undefined ? new Map() : readLogs(cluster, policy);
}

/** Why this region's log is not yet where it should be. */
async function restless(cluster: Cluster, region: Region, policy: Policy | undefined): Promise<string | undefined> {
  const status = await region.local.ask('GET', '/api/v1/status');
  if (status?.status !== 200 || !(await region.isReady())) return `${region.id} is not ready`;
  const { alarms, regions } = JSON.parse(status.body.toString('utf8'));
  const raised: readonly { readonly alarm: string; readonly region: string }[] = alarms;
  const wrong = raised.find((each) => isUndeserved(cluster, region.id, each));
  if (wrong !== undefined) throw new Violation(`${region.id} raises an alarm that no fault of a round deserves: ${JSON.stringify(wrong)}`);
  if (raised.some(({ alarm }) => alarm === 'remote-forgot')) return `${region.id} was told a size too small, and has not asked again`;
  const owed: { readonly region_id: string; readonly owed_count: number } | undefined = regions.find((each: { owed_count: number }) => each.owed_count > 0);
  if (owed !== undefined) return `${region.id} owes ${owed.owed_count} to ${owed.region_id}: ${JSON.stringify(owed)}`;
  const own = policy === undefined ? undefined : await headText(region.local, '/log/checkpoint');
  if (policy === undefined || own === undefined) return undefined;
  const head = readHead(own, policy);
  for (const mirror of cluster.regions) {
    if (mirror === region) continue;
    const copy = await headText(mirror.local, mirrorPath(head.origin));
    if (copy === undefined) return `${mirror.id} has no copy of ${head.origin}`;
    const { size, root } = readHead(copy, policy);
    if (size === head.size && root !== head.root) throw new Violation(`${mirror.id} has another root of ${head.origin} at ${size}`);
    if (size !== head.size) return `${mirror.id} has ${size} of ${head.size} entries of ${head.origin}`;
  }
  return undefined;
}

async function headText(listener: Listener, path: string): Promise<string | undefined> {
  const answer = await listener.ask('GET', path);
  return answer?.status === 200 ? answer.body.toString('utf8') : undefined;
}

function mirrorPath(origin: string): string {
  return `${mirrorOf(origin)}/checkpoint`;
}

/** All that a region lists, page by page: id → digest. What nobody submitted must not be there. */
async function holdings(region: Region, shadow: Shadow): Promise<ReadonlyMap<string, string>> {
  const held = new Map<string, string>();
  for (let cursor = ''; ; ) {
    const answer = await region.local.ask('GET', `/api/v1/receipts?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`, { timeoutMs: 30_000 });
    if (answer?.status !== 200) throw new Violation(`${region.id} does not list its receipts: ${answer?.status}`);
    const { receipts, next_cursor: next } = JSON.parse(answer.body.toString('utf8'));
    for (const { receipt_id: id, digest } of receipts) {
      if (shadow.submitted.get(id)?.has(digest) !== true) throw new Violation(`${region.id} lists ${id} with a content that nobody submitted`);
      held.set(id, digest);
    }
    if (next === null || next === cursor) return held;
    cursor = next;
  }
}

function checkPromises(shadow: Shadow, held: Held): void {
  for (const { receipt_id: id, digest } of shadow.certain.values()) {
    const holders = [...held].filter(([, there]) => there.get(id) === digest).map(([region]) => region);
    if (holders.length < THRESHOLD) throw new Violation(`${id} was told to have its quorum, and is held by ${holders.join(', ') || 'nobody'}`);
  }
  for (const [region, there] of shadow.durable) {
    for (const { receipt_id: id, digest } of there.values()) {
      const now = held.get(region)?.get(id);
      if (now !== digest) throw new Violation(`${region} has acknowledged ${id} and ${now === undefined ? 'lost it' : 'shows another content'}`);
    }
  }
  // An id with one content has it everywhere or nowhere, unless it was posted: then it is where it was acknowledged, at least.
  for (const [id, under] of shadow.submitted) {
    const digests = new Set([...held.values()].flatMap((there) => there.get(id) ?? []));
    if (digests.size > 1 && under.size < 2) throw new Violation(`${id} is held with two contents, and one was submitted`);
  }
}

/** Receipt by receipt, all members of it: a sample of what is certain, and every id that has two contents. */
async function checkReads(cluster: Cluster, shadow: Shadow): Promise<void> {
  const step = Math.max(1, Math.floor(shadow.certain.size / SAMPLE));
  const some = [...shadow.certain.values()].filter(({ receipt_id: id }, n) => n % step === 0 || (shadow.submitted.get(id)?.size ?? 0) > 1);
  await inTurns(some, async (submitted) => {
    const answers = await Promise.all(cluster.regions.map(({ local }) => local.ask('GET', `/api/v1/receipts/${submitted.receipt_id}`)));
    const good = answers.filter((answer) => isWhole(answer, submitted));
    if (good.length < THRESHOLD) throw new Violation(`${submitted.receipt_id} is shown whole by ${good.length} regions`);
  });
  await inTurns(
    some.filter((_, n) => n % QUORUM_STEP === 0),
    (submitted) => checkVerdicts(cluster, shadow, submitted),
  );
}

/** What the regions find when they ask each other: of what is certain it is confirmed, and of two contents never the other. */
async function checkVerdicts(cluster: Cluster, shadow: Shadow, submitted: Submitted): Promise<void> {
  const { receipt_id: id, digest } = submitted;
  for (const { id: by, local } of cluster.regions) {
    const answer = await local.ask('GET', `/api/v1/receipts/${id}/quorum`);
    const { verdict, quorum, weight, regions } = members(answer);
    const said = `${by} says of ${id}, which has its quorum: ${answer?.status} ${answer?.body.toString('utf8')}`;
    const confirming = (Array.isArray(regions) ? regions : []).filter(({ state }) => state === 'confirmed');
    const isContested = shadow.contested.includes(id);
    if (quorum !== (verdict === 'confirmed') || (!isContested && verdict !== 'confirmed')) throw new Violation(said);
    if (verdict !== 'confirmed') continue;
    if (Number(weight) < THRESHOLD || confirming.length !== weight || confirming.some((region) => region.digest !== digest)) throw new Violation(said);
  }
}

function isWhole(answer: Answer | undefined, submitted: Submitted): boolean {
  if (answer?.status !== 200) return false;
  const fields = members(answer);
  return (
    fields['digest'] === submitted.digest &&
    fields['hash'] === submitted.hash &&
    fields['transaction_id'] === submitted.transaction_id &&
    fields['ticks'] === submitted.ticks &&
    fields['committed'] === submitted.committed &&
    // Of span_id JSON.parse loses digits: all of them must be in the text.
    answer.body.toString('utf8').includes(`"span_id":${submitted.span_id}`)
  );
}

/** What every region hands out now: for a sample of what is certain, and for every id with two contents. */
async function certificatesNow(cluster: Cluster, shadow: Shadow): Promise<readonly HandedOut[]> {
  const step = Math.max(1, Math.floor(shadow.certain.size / SAMPLE));
  const some = [...shadow.certain.values()].filter((_, n) => n % step === 0);
  const contested = shadow.contested.flatMap((id) => [...(shadow.submitted.get(id)?.values() ?? [])]);
  const out: HandedOut[] = [];
  await inTurns([...some, ...contested], async (submitted) => {
    for (const { id, local } of cluster.regions) {
      const answer = await local.ask('GET', `/api/v1/receipts/${submitted.receipt_id}/certificate`, {
        headers: { prefer: contested.includes(submitted) ? 'wait=0' : 'wait=10' },
        timeoutMs: 20_000,
      });
      if (answer?.status === 200) out.push({ by: id, submitted, text: answer.body.toString('utf8') });
      else if (!contested.includes(submitted) && !shadow.contested.includes(submitted.receipt_id))
        throw new Violation(`${id} has no certificate of ${submitted.receipt_id}, which has its quorum: ${answer?.status} ${answer?.body.toString('utf8')}`);
    }
  });
  return out;
}

/** Every certificate ever handed out: it verifies, its tree is the log's, who signed it holds the receipt, and no id has two contents. */
async function checkCertificates(
  text: string,
  policy: Policy,
  { shadow, held, logs }: { readonly shadow: Shadow; readonly held: Held; readonly logs: ReadonlyMap<string, WholeLog> },
): Promise<void> {
  const sizes = new Map<string, Map<number, string>>();
  const certified = new Map<string, Submitted>();
  for (const certificate of shadow.handedOut) {
    const proven = provenBy(certificate, policy, shadow);
    if (proven === undefined) throw new Violation(`a certificate of ${certificate.submitted.receipt_id} by ${certificate.by} proves nothing`);
    const { submitted, head, endorsers } = proven;
    const { receipt_id: id, digest } = submitted;
    const report = await verifyCertificate({ certificate: certificate.text, receipt: contentJson(submitted), policy: text });
    if (!report.valid) throw new Violation(`our own verifier does not take a certificate of ${id} that holds: ${JSON.stringify(report.checks)}`);
    for (const region of endorsers) if (held.get(region)?.get(id) !== digest) throw new Violation(`${region} has cosigned ${id} and does not hold it`);
    const other = certified.get(id);
    if (other !== undefined && other.digest !== digest) throw new Violation(`two contents of ${id} are certified`);
    certified.set(id, submitted);
    const known = sizes.get(head.origin) ?? new Map<number, string>();
    if ((known.get(head.size) ?? head.root) !== head.root) throw new Violation(`${head.origin} has two roots at ${head.size}`);
    sizes.set(head.origin, known.set(head.size, head.root));
  }
  checkRoots(sizes, logs);
}

/** Roots that certificates name, by log and size: each is the log's. */
function checkRoots(sizes: ReadonlyMap<string, ReadonlyMap<number, string>>, logs: ReadonlyMap<string, WholeLog>): void {
  for (const [origin, known] of sizes) {
    const roots = logs.get(origin)?.rootsAt(new Set(known.keys()));
    for (const [size, root] of known)
      if (roots?.get(size) !== root) throw new Violation(`a certificate names a root of ${origin} at ${size} that the log has not`);
  }
}

/** Which of the contents under its id a certificate is of: at most one. */
function provenBy(
  { submitted, text }: HandedOut,
  policy: Policy,
  shadow: Shadow,
): ({ readonly submitted: Submitted } & ReturnType<typeof readCertificate>) | undefined {
  for (const candidate of shadow.submitted.get(submitted.receipt_id)?.values() ?? []) {
    try {
      return { submitted: candidate, ...readCertificate(text, candidate, policy) };
    } catch (error) {
      if ((shadow.submitted.get(submitted.receipt_id)?.size ?? 0) === 1) throw new Violation(`a certificate of ${submitted.receipt_id}`, { cause: error });
    }
  }
  return undefined;
}

async function inTurns<T>(items: readonly T[], each: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) await Promise.all(items.slice(at, at + AT_ONCE).map(each));
}
