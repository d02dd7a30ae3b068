import type { Random } from '../../sim/random.ts';
import { type Answer, members } from './ask.ts';
import type { Cluster, Region } from './cluster.ts';
import { type Content, contentJson } from './proofs.ts';
import { type Shadow, type Submitted, Violation } from './shadow.ts';

const CALLERS = 16;
/** What a caller does next, by weight. */
const WHAT = { submit: 64, post: 14, again: 8, certificate: 8, read: 5, rival: 3, bulk: 4 } as const;
/** Enough that the 64 lines of a text do not name all that is refused one by one (SPEC §4). */
const RIVALS_MAX = 200;
const WAIT_S = 2;
/** Receipts of one request, a KiB each: some requests of that fill a half of a journal (8 MiB). */
const BULK_MAX = 1_200;
/** … and so many of them in all: a round that goes on for long must not fill the disks by itself. */
const BULK_TOTAL = 60_000;
/** After a request that came to nothing: a region that is away is not asked a thousand times a second. */
const PAUSE_MS = 20;

/** Callers that go from region to region, retry elsewhere, ask for certificates, and write down what they are told. */
export class Load implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #shadow: Shadow;
  readonly #callers: readonly Promise<void>[];
  readonly #recent: Submitted[] = [];
  #next = 0;
  #rivals = 0;
  #underWay = 0;
  #told = 0;
  #stopped = false;
  #paused = false;
  #violation: Error | undefined;

  constructor(cluster: Cluster, random: Random, shadow: Shadow) {
    this.#cluster = cluster;
    this.#random = random;
    this.#shadow = shadow;
    this.#callers = Array.from({ length: CALLERS }, () => this.#call());
  }

  /** Receipts that somebody was told something of. */
  get told(): number {
    return this.#told;
  }

  /** Resolves while requests are under way and so many more than now were told something. Throws what a caller has seen. */
  async busyWithAtLeast(count: number, msMax = 60_000): Promise<void> {
    const goal = this.#told + count;
    const deadline = performance.now() + msMax;
    while (this.#told < goal || this.#underWay === 0) {
      this.check();
      if (performance.now() > deadline) throw new Error(`only ${count - goal + this.#told} of ${count} receipts were answered in ${msMax} ms`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** From now on nobody begins anything, until `resume`: above 100 receipts a second a region logs no line of a single one. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  check(): void {
    if (this.#violation !== undefined) throw this.#violation;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
    this.check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
  }

  async #call(): Promise<void> {
    while (!this.#stopped && this.#violation === undefined) {
      if (this.#paused) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        continue;
      }
      this.#underWay += 1;
      const wasAnswered = await this.#step(this.#random.pick(this.#cluster.regions)).catch((error: unknown) => {
        this.#violation ??= error instanceof Error ? error : new Error(String(error));
        return true;
      });
      this.#underWay -= 1;
      if (wasAnswered) continue;
      this.#shadow.unanswered += 1;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** One request; false where nothing came of it. */
  #step(region: Region): Promise<boolean> {
    const known = this.#recent.length === 0 ? undefined : this.#random.pick(this.#recent);
    switch (this.#choose()) {
      case 'post':
        return this.#post(region, this.#fresh());
      case 'again':
        return this.#submit(region, known ?? this.#fresh());
      case 'certificate':
        return known === undefined ? this.#submit(region, this.#fresh()) : this.#certificate(region, known);
      case 'read':
        return known === undefined ? this.#submit(region, this.#fresh()) : this.#read(region, known);
      case 'rival':
        return this.#submit(region, known === undefined || this.#rivals >= RIVALS_MAX ? this.#fresh() : this.#rival(known));
      case 'bulk':
        return this.#next > BULK_TOTAL
          ? this.#submit(region, this.#fresh())
          : this.#bulk(region, 1 + this.#random.below(this.#random.chance(0.2) ? BULK_MAX : BULK_MAX / 20));
      case 'submit':
        return this.#submit(region, this.#fresh());
    }
  }

  #choose(): keyof typeof WHAT {
    let at = this.#random.below(Object.values(WHAT).reduce((sum, weight) => sum + weight, 0));
    for (const what of ['post', 'again', 'certificate', 'read', 'rival', 'bulk'] as const) {
      if (at < WHAT[what]) return what;
      at -= WHAT[what];
    }
    return 'submit';
  }

  #fresh(change: Partial<Content> = {}): Submitted {
    const n = this.#next++;
    const content: Content = {
      receipt_id: `torture-${String(n).padStart(8, '0')}`,
      transaction_id: `tx-${n % 97}`,
      hash: Buffer.from(this.#random.bytes(1 + this.#random.below(this.#random.chance(0.05) ? 512 : 40))).toString('hex'),
      ticks: this.#random.below(16),
      span_id: 2n ** 64n - 1n - BigInt(n),
      committed: this.#random.chance(0.9),
      ...change,
    };
    return this.#remember(this.#shadow.submit(content));
  }

  /** Another content under an id that was used. */
  #rival({ digest: _, ...content }: Submitted): Submitted {
    this.#rivals += 1;
    return this.#remember(this.#shadow.submit({ ...content, ticks: content.ticks + 100 }));
  }

  #remember(submitted: Submitted): Submitted {
    if (this.#recent.push(submitted) > 400) this.#recent.splice(this.#random.below(400), 1);
    return submitted;
  }

  async #submit(region: Region, submitted: Submitted): Promise<boolean> {
    const headers = { 'content-type': 'application/json', prefer: `wait=${WAIT_S}` };
    const answer = await region.local.ask('POST', '/api/v1/sync', { headers, body: contentJson(submitted), timeoutMs: (WAIT_S + 5) * 1_000 });
    const isOurs = members(answer)['digest'] === submitted.digest;
    if (!this.#heard(region, submitted, { status: answer?.status, isOurs })) return this.#none(answer, [429, 503], `${region.id} to a receipt`);
    this.#told += 1;
    return true;
  }

  /** Many large ones in one request: each item has an answer of its own. */
  async #bulk(region: Region, count: number): Promise<boolean> {
    const all = Array.from({ length: count }, () => this.#fresh({ transaction_id: 't'.repeat(200), hash: 'ab'.repeat(512) }));
    const headers = { 'content-type': 'application/json', prefer: `wait=${WAIT_S}` };
    const answer = await region.local.ask('POST', '/api/v1/sync', { headers, body: `[${all.map(contentJson).join(',')}]`, timeoutMs: (WAIT_S + 8) * 1_000 });
    if (answer === undefined || answer.status >= 300) return this.#none(answer, [429, 503], `${region.id} to ${count} receipts`);
    const items: readonly Readonly<Record<string, unknown>>[] = JSON.parse(answer.body.toString('utf8'));
    for (const [n, submitted] of all.entries()) {
      const item = items[n];
      const isOurs = item?.['digest'] === submitted.digest && item['receipt_id'] === submitted.receipt_id;
      const status = Number(item?.['status']);
      if (!this.#heard(region, submitted, { status, isOurs }) && ![429, 503].includes(status))
        throw new Violation(`${region.id} to one of ${count} receipts: ${JSON.stringify(item)}`);
    }
    this.#told += 1;
    return true;
  }

  /** Writes down what a region said of one receipt; false where it said nothing that is certain. */
  #heard(region: Region, submitted: Submitted, { status, isOurs }: { readonly status: number | undefined; readonly isOurs: boolean }): boolean {
    const isGood = status === 200 || status === 201 || status === 202;
    if (isGood && !isOurs) throw new Violation(`${region.id} has another digest for ${submitted.receipt_id}`);
    if (status === 409) this.#conflict(region, submitted);
    // Whatever else it says: the region that answers has it on its own disk (CONTRACT §4).
    if (isGood) this.#shadow.isDurable(region.id, submitted);
    if (status === 200 || status === 201) this.#shadow.isCertain(submitted);
    return isGood || status === 409;
  }

  #conflict(region: Region, submitted: Submitted): void {
    if ((this.#shadow.submitted.get(submitted.receipt_id)?.size ?? 0) < 2) throw new Violation(`${region.id} sees a conflict where there is one content`);
    if (this.#shadow.durable.get(region.id)?.has(submitted.digest) === true) throw new Violation(`${region.id} refuses what it said was durable there`);
    this.#shadow.conflicts += 1;
  }

  /** As another emitter would post it, by the plain protocol. */
  async #post(region: Region, submitted: Submitted): Promise<boolean> {
    const answer = await region.peers.ask('POST', '/receipt-sync', {
      headers: { 'content-type': 'application/json' },
      body: contentJson(submitted),
      timeoutMs: 5_000,
    });
    if (answer?.status === 409) this.#conflict(region, submitted);
    else if (answer?.status === 200 && members(answer)['status'] === 'acknowledged') this.#shadow.isDurable(region.id, submitted);
    else return this.#none(answer, [429, 503], `${region.id} to a post`);
    this.#told += 1;
    return true;
  }

  /** Checked in full at the end; here only that it is kept. */
  async #certificate(region: Region, submitted: Submitted): Promise<boolean> {
    const answer = await region.local.ask('GET', `/api/v1/receipts/${submitted.receipt_id}/certificate`, { timeoutMs: 5_000 });
    if (answer?.status !== 200) return this.#none(answer, [404, 409, 503], `${region.id} to a question for a certificate`);
    this.#shadow.handedOut.push({ by: region.id, submitted, text: answer.body.toString('utf8') });
    return true;
  }

  /** What a region has said to be durable there it shows at any time that it answers at all. */
  async #read(region: Region, submitted: Submitted): Promise<boolean> {
    const isPromised = this.#shadow.durable.get(region.id)?.has(submitted.digest) === true;
    const answer = await region.local.ask('GET', `/api/v1/receipts/${submitted.receipt_id}`, { timeoutMs: 5_000 });
    if (answer?.status === 200) {
      const digest = String(members(answer)['digest']);
      if (this.#shadow.submitted.get(submitted.receipt_id)?.has(digest) !== true) throw new Violation(`${region.id} shows what nobody submitted`);
      if (isPromised && digest !== submitted.digest) throw new Violation(`${region.id} shows another content of ${submitted.receipt_id} than it acknowledged`);
      return true;
    }
    if (answer?.status === 404 && isPromised) throw new Violation(`${region.id} has lost ${submitted.receipt_id}`);
    return this.#none(answer, [404, 503], `${region.id} to a read`);
  }

  #none(answer: Answer | undefined, expected: readonly number[], what: string): boolean {
    if (answer !== undefined && !expected.includes(answer.status))
      throw new Violation(`${what}: ${answer.status} ${answer.body.toString('utf8').slice(0, 300)}`);
    return answer !== undefined && answer.status < 500 && answer.status !== 429;
  }
}
