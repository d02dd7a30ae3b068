import { ReceiptSyncError } from '../../src/errors.ts';
import { itemAt } from '../../src/log/group.ts';
import { parseCanonical } from '../../src/receipt/canonical.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import type { Region } from '../../src/replication/region.ts';
import { Violation } from '../checkers/checker.ts';
import type { Host } from '../host.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import { recur, type Stage } from '../stage.ts';
import { rivalry } from './clients.ts';

/** The newest ids: what they are certified by changes from one signature to the next. */
const IDS = 5;
const ROUNDS = 25;
const ROUND_MS = 8;

/**
 * Where ids have two contents and who has signed decides what a text certifies: those who come for the certificates of the newest receipts
 * again and again. What a process has proved once it proves whenever it is asked.
 */
export function collectors(stage: Stage): void {
  if (rivalry(stage) === undefined) return;
  recur(stage, { feature: 'collectors', salt: 0xc0_11ec, share: 0.6, mostMs: 3_000 }, (random) => {
    const host = random.pick(stage.hosts);
    if (host.region !== undefined) void collect(stage, host, host.region);
  });
}

async function collect(stage: Stage, host: Host, region: Region): Promise<void> {
  const life = host.starts;
  const ids = [...host.disk.index.keys()].slice(-IDS);
  const given = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const id of ids) {
      const answer = await ask(region, id);
      // What a dead process says nobody hears.
      if (host.starts !== life || host.region !== region) return;
      judge(stage, host, { ...answer, id, given });
      stage.count(`collected: ${String(answer.code)}`);
    }
    await stage.clock.sleep(ROUND_MS);
  }
}

interface Answer {
  /** `given`, the code of an error, or what should never come. */
  readonly code: unknown;
  readonly certificate?: string;
}

async function ask(region: Region, id: string): Promise<Answer> {
  try {
    return { code: 'given', certificate: await region.certificate(id, 'fewest') };
  } catch (error) {
    return { code: error instanceof ReceiptSyncError ? error.code : error };
  }
}

/** `given`: the ids that this process has handed out certificates of before. */
function judge(stage: Stage, host: Host, { code, certificate, id, given }: Answer & { readonly id: string; readonly given: Set<string> }): void {
  if (typeof code !== 'string') stage.failed(code);
  if (code === 'NOT_CERTIFIED' && given.has(id))
    stage.failed(new Violation(`seed ${stage.seed}: what was proved stays proved: ${host.id} has no certificate of ${id} any more`));
  if (certificate === undefined || given.has(id)) return;
  // The first of each receipt is looked at: those after it are mostly the same.
  given.add(id);
  const receipt = receiptOn(host.disk, id);
  if (receipt === undefined) stage.failed(new Violation(`seed ${stage.seed}: ${host.id} has a certificate of ${id}, and no such receipt`));
  else stage.certified(host, receipt, certificate);
}

/** As it was written, whatever has become of it. */
function receiptOn(disk: MemoryDisk, id: string): Receipt | undefined {
  const [place] = disk.index.get(id)?.places ?? [];
  const group = place === undefined ? undefined : disk.groupAt(place.log, place.index);
  const item = place === undefined || group === undefined ? undefined : itemAt(group, place.index - group.start);
  return item === undefined ? undefined : parseCanonical(item.canonical);
}
