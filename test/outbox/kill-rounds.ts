import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Random } from '../../sim/random.ts';
import { outboxSchema, outboxStatus, pgHandle } from '../../src/outbox.ts';
import { endAll, threeDaemons } from '../e2e/daemon.ts';
import { startPostgres } from './postgres.ts';

const CHILD = fileURLToPath(new URL('./child-application.ts', import.meta.url));
const DRAIN_MS_MAX = 180_000;
/** Payments are spread over so much time for each kill: longer than a kill and a restart of the application leave it. */
const PAYING_MS_PER_KILL = 500;

/** What a run has seen. */
export interface OutboxRun {
  readonly rows: number;
  readonly killsOfApplication: number;
  readonly killsOfSidecar: number;
  /** Of those kills: while payments were still made, or handed over. */
  readonly killsAtWork: number;
  /** Payments that are committed in the application's own table. */
  readonly payments: number;
  /** Receipts of the sidecar's region, and those of them at quorum. */
  readonly receipts: number;
  readonly atQuorum: number;
  /** By region: payments whose receipt it lacks, or has with another content. */
  readonly missing: Readonly<Record<string, number>>;
  /** By region: receipts of no payment, as of one that was rolled back. */
  readonly extra: Readonly<Record<string, number>>;
  readonly waiting: number;
  readonly setAside: number;
}

/** An application and its sidecar are killed in turn, at random moments between commit and hand-over, until all is paid. */
export async function outboxRun(options: { readonly rows: number; readonly kills: number; readonly seed: number }): Promise<OutboxRun> {
  const random = new Random(options.seed);
  const folder = mkdtempSync(join(tmpdir(), 'receipt-sync-outbox-'));
  await using postgres = await startPostgres();
  const pool = new pg.Pool({ connectionString: postgres.url, max: 2 });
  await pool.query(outboxSchema('postgres'));
  await pool.query('CREATE TABLE payment (id integer PRIMARY KEY, life integer NOT NULL)');
  const daemons = await threeDaemons(folder);
  await Promise.all(daemons.map((daemon) => daemon.start()));
  const [sidecar] = daemons;
  if (sidecar === undefined) throw new Error('no sidecar');
  const application = new Application([
    postgres.url,
    sidecar.localUrl,
    String(options.rows),
    String(Math.ceil((options.kills * PAYING_MS_PER_KILL * 4) / options.rows)),
  ]);
  try {
    let killsOfApplication = 0;
    let killsOfSidecar = 0;
    let killsAtWork = 0;
    application.start();
    for (let kill = 0; kill < options.kills; kill += 1) {
      await new Promise((resolve) => setTimeout(resolve, 150 + random.below(500)));
      if (!application.hasPaid || (await outboxStatus(pgHandle(pool))).waiting > 0) killsAtWork += 1;
      if (kill % 2 === 0) {
        killsOfApplication += 1;
        await application.kill();
        application.start();
      } else {
        killsOfSidecar += 1;
        await sidecar.end('SIGKILL');
        await sidecar.start();
      }
    }
    const isDone = async (): Promise<boolean> => application.hasPaid && (await outboxStatus(pgHandle(pool))).waiting === 0;
    await until(isDone);
    await until(async () => (await sidecar.client.getSyncStatus()).every(({ owedCount }) => owedCount === 0));
    const payments = (await pool.query('SELECT id, life FROM payment')).rows;
    const paid = new Map(payments.map(({ id, life }) => [`rec-payment-${id}`, Number(life)]));
    const held = await Promise.all(daemons.map(async (daemon) => [daemon.id, await heldBy(daemon.client)] as const));
    const own = held[0]?.[1] ?? [];
    const status = await outboxStatus(pgHandle(pool));
    return {
      rows: options.rows,
      killsOfApplication,
      killsOfSidecar,
      killsAtWork,
      payments: paid.size,
      receipts: own.length,
      atQuorum: own.filter(({ state }) => state === 'quorum').length,
      missing: Object.fromEntries(held.map(([region, receipts]) => [region, paid.size - receipts.filter((receipt) => isOf(paid, receipt)).length])),
      extra: Object.fromEntries(held.map(([region, receipts]) => [region, receipts.filter((receipt) => !isOf(paid, receipt)).length])),
      waiting: status.waiting,
      setAside: status.setAsideCount,
    };
  } finally {
    await application.kill();
    await endAll(daemons);
    await pool.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Held {
  readonly id: string;
  readonly life: number;
  readonly state: string;
}

async function heldBy(client: {
  receipts(): AsyncIterable<{ readonly receipt: { readonly receiptId: string; readonly ticks: number }; readonly state: string }>;
}): Promise<readonly Held[]> {
  const held: Held[] = [];
  for await (const { receipt, state } of client.receipts()) held.push({ id: receipt.receiptId, life: receipt.ticks, state });
  return held;
}

/** Is this the receipt of the payment as it was committed? */
function isOf(paid: ReadonlyMap<string, number>, { id, life }: Held): boolean {
  return paid.get(id) === life;
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DRAIN_MS_MAX;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error('The outbox did not drain in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The application's process. */
class Application {
  hasPaid = false;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  start(): void {
    this.#child = fork(CHILD, [...this.#args], { execArgv: ['-C', 'source'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', () => {
      this.hasPaid = true;
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}
