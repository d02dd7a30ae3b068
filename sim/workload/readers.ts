import { ReceiptSyncError } from '../../src/errors.ts';
import type { StoredReceipt } from '../../src/ports/receipt-index.ts';
import { QuorumNotReachedError } from '../../src/region/quorum-error.ts';
import type { Region } from '../../src/replication/region.ts';
import type { Host } from '../host.ts';
import { Random } from '../random.ts';
import { recur, type Stage } from '../stage.ts';
import { plain } from '../tellings.ts';
import { receiptOf, submit } from './submit.ts';

/** Those who only ask: where a receipt is, its certificate, how the links are, what there is. */
export function readers(stage: Stage): void {
  recur(stage, { feature: 'readers', salt: 0x4e_ade4, share: 0.4, mostMs: 1_500 }, (random) => {
    const host = random.pick(stage.hosts);
    if (host.region !== undefined) void ask(stage, host, { region: host.region, random });
  });
}

/** Hundreds of receipts in one breath: groups of many entries, and tiles that become full. */
export function bursts(stage: Stage): void {
  const random = new Random(stage.seed ^ 0xb4_4575);
  if (!stage.has('bursts') || !random.chance(0.1)) return;
  const size = 20 + random.below(280);
  stage.clock.after(random.uniform() * 15_000, () => {
    const host = random.pick(stage.hosts);
    stage.happened('bursts');
    for (let n = 0; n < size; n += 1) void submit(stage, host, receiptOf(`burst-${n}`), random);
  });
}

interface Asked {
  readonly region: Region;
  readonly random: Random;
}

async function ask(stage: Stage, host: Host, { region, random }: Asked): Promise<void> {
  const life = host.starts;
  const ids = [...host.disk.index.keys()];
  const id = ids.length === 0 || random.chance(0.1) ? 'never-seen' : random.pick(ids);
  const kind = random.pick(['verify', 'certificate', 'status', 'list', 'get', 'all', 'wait'] as const);
  try {
    const told = await answer(stage, host, { region, random, kind, id, ids });
    if (host.starts === life && host.region === region) told();
  } catch (error) {
    if (error instanceof QuorumNotReachedError) stage.count('waited in vain');
    else if (error instanceof ReceiptSyncError) stage.count(`asked ${kind}: ${error.code}`);
    else if (error !== STOPPED) stage.failed(error);
  }
}

const STOPPED = new Error('Nobody waits any more');

interface Question extends Asked {
  readonly kind: 'verify' | 'certificate' | 'status' | 'list' | 'get' | 'all' | 'wait';
  readonly id: string;
  /** Of what is on the disk when it is asked. */
  readonly ids: readonly string[];
}

/** Asks; what comes back is looked at once it is known that the process which answered is still there. */
async function answer(stage: Stage, host: Host, { region, random, kind, id, ids }: Question): Promise<() => void> {
  switch (kind) {
    case 'verify': {
      const verification = await region.verify(id);
      return () => stage.verified(host, id, verification);
    }
    case 'certificate': {
      const stored = await region.getStored(id);
      const certificate = await region.certificate(id, random.pick(['fewest', 'all'] as const));
      return () => {
        stage.count('certificate given');
        if (stored !== undefined) stage.certified(host, stored.receipt, certificate);
      };
    }
    case 'status': {
      for (const { lastError, circuit } of await region.status()) if (lastError !== null) stage.count(`link ${circuit}: ${plain(lastError.message)}`);
      region.health();
      region.overview();
      return () => stage.count('status');
    }
    case 'list': {
      const state = random.pick(['any', 'pending', 'quorum', 'conflict'] as const);
      const page = await region.list({ limit: 1 + random.below(50), state: state === 'any' ? undefined : state });
      const isAll = page.next === undefined && page.rotten.length === 0 && state === 'any';
      return () => {
        stage.count(page.next === undefined ? 'listed to the end' : 'listed');
        stage.read(host, { given: page.receipts.map(({ stored }) => stored), owed: isAll ? owed(region, ids) : [] });
      };
    }
    case 'get': {
      const stored = await region.getStored(id);
      return () => {
        stage.count(stored === undefined ? 'not stored' : 'stored');
        stage.read(host, { given: stored === undefined ? [] : [stored], owed: owed(region, ids.includes(id) ? [id] : []) });
      };
    }
    case 'all': {
      const { given, problem } = await iterated(region);
      return () => {
        stage.read(host, { given, owed: problem === undefined ? owed(region, ids) : [] });
        if (problem !== undefined) throw problem;
        stage.count(given.length > 0 ? 'iterated' : 'nothing to iterate');
      };
    }
    case 'wait': {
      const abort = new AbortController();
      stage.clock.after(random.uniform() * 5_000, () => abort.abort(STOPPED));
      const result = await region.waitForQuorum(id, abort.signal);
      return () => stage.returned(host, result);
    }
  }
}

/** What came before it broke off counts too. */
async function iterated(region: Region): Promise<{ readonly given: readonly StoredReceipt[]; readonly problem?: unknown }> {
  const given: StoredReceipt[] = [];
  try {
    for await (const stored of region.receipts()) given.push(stored);
    return { given };
  } catch (problem) {
    return { given, problem };
  }
}

/** What a failed fsync has left on the disk all the same does not exist for its region before it is started again (seed 5282). */
function owed(region: Region, ids: readonly string[]): readonly string[] {
  return region.overview().store === 'failed' ? [] : ids;
}
