import { Random } from '../../sim/random.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { receiptJson } from '../../src/receipt/wire.ts';
import { type Daemon, endAll, threeDaemons } from '../e2e/daemon.ts';
import { receiptOf } from '../receipts.ts';

const CALLERS = 24;
/** The share of receipts that are posted to a peer listener instead: acknowledged by that one region. */
const POSTED_PLAIN = 0.2;
/** Between two kills at least so many are acknowledged: a kill must have something to lose. */
const ACKNOWLEDGED_BETWEEN_KILLS = 200;
const RETURN_MS_MAX = 30_000;

/** What the rounds came to. */
export interface KillReport {
  readonly rounds: number;
  readonly acknowledged: number;
  /** Acknowledged by one region to a poster of the plain protocol. */
  readonly peerAcknowledged: number;
  readonly submitted: number;
  /** Longest time from a region's return until nothing was owed to it. */
  readonly longestReturnMs: number;
}

/**
 * Rounds of SIGKILL against three real processes under load: a random region, only while requests are unanswered and enough were
 * acknowledged since the last kill. Throws if anything that a caller was told is missing, doubled or different.
 */
export async function killRounds(folder: string, rounds: number, seed: number): Promise<KillReport> {
  const random = new Random(seed);
  const daemons = await threeDaemons(folder, { maxRetries: 1, retryBackoff: '200ms' });
  try {
    await Promise.all(daemons.map((daemon) => daemon.start()));
    const load = new Load(daemons, random.fork());
    let longestReturnMs = 0;
    for (let round = 0; round < rounds; round += 1) {
      await load.busyWithAtLeast(ACKNOWLEDGED_BETWEEN_KILLS);
      const victim = random.pick(daemons);
      await victim.end('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, random.below(400)));
      const startMs = performance.now();
      await victim.start();
      if (round % 10 === 9 || round === rounds - 1) {
        await nothingOwed(daemons);
        longestReturnMs = Math.max(longestReturnMs, performance.now() - startMs);
      }
    }
    await load.stop();
    await nothingOwed(daemons);
    await checkAll(daemons, load);
    return {
      rounds,
      acknowledged: load.acknowledged.length,
      peerAcknowledged: load.peerAcknowledged.length,
      submitted: load.submitted.size,
      longestReturnMs: Math.round(longestReturnMs),
    };
  } finally {
    await endAll(daemons);
  }
}

/** Callers that submit to random regions and keep their own list of what they were told. */
class Load {
  /** In the order they were acknowledged: at quorum, as the caller was told. */
  readonly acknowledged: Receipt[] = [];
  readonly submitted = new Map<string, Receipt>();
  /** What a region acknowledged to a poster: durable there, and nowhere else. */
  readonly peerAcknowledged: { readonly daemon: Daemon; readonly receipt: Receipt }[] = [];
  #sinceKill = 0;
  #unanswered = 0;
  #next = 0;
  #stopped = false;
  readonly #callers: Promise<void>[];

  constructor(daemons: readonly Daemon[], random: Random) {
    this.#callers = Array.from({ length: CALLERS }, () => this.#call(daemons, random));
  }

  /** Resolves while requests are under way and at least so many were acknowledged since the last time. */
  async busyWithAtLeast(count: number): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (this.#sinceKill < count || this.#unanswered === 0) {
      if (performance.now() > deadline) throw new Error(`only ${this.#sinceKill} receipts were acknowledged in a minute`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.#sinceKill = 0;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
  }

  async #call(daemons: readonly Daemon[], random: Random): Promise<void> {
    while (!this.#stopped) {
      const n = this.#next++;
      const hash = Uint8Array.from({ length: 32 }, () => random.below(256));
      const receipt = receiptOf(`kill-${String(n).padStart(8, '0')}`, { spanId: 2n ** 64n - 1n - BigInt(n), hash });
      const daemon = random.pick(daemons);
      this.#unanswered += 1;
      if (random.chance(POSTED_PLAIN)) await this.#post(daemon, receipt);
      else await this.#submit(daemon, receipt);
      this.#unanswered -= 1;
    }
  }

  async #submit(daemon: Daemon, receipt: Receipt): Promise<void> {
    this.submitted.set(receipt.receiptId, receipt);
    const result = await daemon.client.syncReceipt(receipt, { deadline: '2s' }).catch(() => undefined);
    if (result?.quorumAchieved !== true) return;
    this.acknowledged.push(receipt);
    this.#sinceKill += 1;
  }

  /** As another emitter would post it, by the plain protocol. */
  async #post(daemon: Daemon, receipt: Receipt): Promise<void> {
    const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: receiptJson(receipt), signal: AbortSignal.timeout(5_000) };
    const answer: unknown = await fetch(`${daemon.peersUrl}/receipt-sync`, request)
      .then((response) => response.json())
      .catch(() => undefined);
    if (Object(answer).status === 'acknowledged') this.peerAcknowledged.push({ daemon, receipt });
  }
}

async function nothingOwed(daemons: readonly Daemon[]): Promise<void> {
  const deadline = performance.now() + RETURN_MS_MAX;
  while (performance.now() < deadline) {
    const status = await Promise.all(daemons.map(({ client }) => client.getSyncStatus().catch(() => undefined)));
    if (status.every((remotes) => remotes?.every(({ owedCount }) => owedCount === 0) === true)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`something is still owed after ${RETURN_MS_MAX} ms`);
}

/** Every acknowledged receipt byte for byte in every region; what any region holds was submitted so, and all hold the same set. */
async function checkAll(daemons: readonly Daemon[], load: Load): Promise<void> {
  for (const { id, client } of daemons) {
    for (const receipt of load.acknowledged) same(id, receipt, await client.getReceipt(receipt.receiptId));
  }
  for (const { daemon, receipt } of load.peerAcknowledged) same(daemon.id, receipt, await daemon.client.getReceipt(receipt.receiptId));
  for (const receipt of load.submitted.values()) {
    const held = await Promise.all(daemons.map(({ client }) => client.getReceipt(receipt.receiptId)));
    const holders = held.filter((copy) => copy !== undefined);
    if (holders.length !== 0 && holders.length !== daemons.length) throw new Error(`${receipt.receiptId} is in ${holders.length} regions`);
    for (const copy of holders) same('some region', receipt, copy);
  }
}

function same(where: string, receipt: Receipt, held: Receipt | undefined): void {
  if (held === undefined) throw new Error(`${where} lost ${receipt.receiptId}`);
  const isSame =
    held.spanId === receipt.spanId &&
    Buffer.from(held.hash).equals(receipt.hash) &&
    held.transactionId === receipt.transactionId &&
    held.ticks === receipt.ticks;
  if (!isSame) throw new Error(`${where} holds another ${receipt.receiptId}`);
}
