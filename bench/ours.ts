import { readFileSync, rmSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { MultiRegionConfig, ReceiptSyncManager, RemoteRegion } from 'receipt-sync';
import { Pool } from 'undici';
import { args, bench, makeReceipts, pidsOf } from './peers/lib.mjs';
import { receiptLines, receiptObjects } from './receipts.ts';
import { hasVerdict, StreamClient } from './stream-client.ts';
import { cpuBetween, type ThreadCpu, threadCpu } from './threads.ts';

/**
 * Drives our regions in the very loop of the peers' drivers (`peers/lib.mjs`), and prints one JSON line as they do.
 *   --mode stream | post --url <local listener>
 *   --mode rivals --url <local listener> --rival <that of another region>: one id in a hundred gets another content there at the same time
 *   --mode library --west <peer endpoint> --eu <peer endpoint> --data <folder>
 *   --mode prefill --url <local listener> --count N: stores N receipts and ends
 */
const options = args({ mode: 'stream', conns: 2, url: '', west: '', eu: '', rival: '', data: '', name: 'ours', count: 0 });

/** One receipt in so many has a rival. */
const RIVAL_EVERY = 100;
/** Receipts on their way at once while a store is filled. */
const PREFILL_IN_FLIGHT = 2_048;

interface Driver extends AsyncDisposable {
  put(id: string): Promise<void>;
}

function text(name: string): string {
  return String(options[name]);
}

function streamDriver(): Driver {
  const lineOf = receiptLines(options.size);
  const clients = Array.from({ length: Math.min(Number(options['conns']), options.inflight) }, () => new StreamClient(text('url')));
  let turn = 0;
  const put = (id: string): Promise<void> => {
    turn = (turn + 1) % clients.length;
    return clients[turn]?.put(lineOf(id)) ?? Promise.reject(new Error('no client'));
  };
  const end = async (): Promise<void> => {
    for (const client of clients) client.end();
  };
  return { put, [Symbol.asyncDispose]: end };
}

/** As the stream, and one id in a hundred is brought to another region with another content, as nearly at once as one client can. */
function rivalsDriver(): Driver {
  const lineOf = receiptLines(options.size);
  const clients = Array.from({ length: Math.min(Number(options['conns']), options.inflight) }, () => new StreamClient(text('url'), hasVerdict));
  const rival = new StreamClient(text('rival'), hasVerdict);
  let turn = 0;
  const put = async (id: string): Promise<void> => {
    turn += 1;
    const line = lineOf(id);
    const mine = clients[turn % clients.length]?.put(line) ?? Promise.reject(new Error('no client'));
    const theirs = turn % RIVAL_EVERY === 0 ? rival.put(line.replace('"ticks":4', '"ticks":5')) : undefined;
    await Promise.all([mine, theirs]);
  };
  const end = async (): Promise<void> => {
    for (const client of [...clients, rival]) client.end();
  };
  return { put, [Symbol.asyncDispose]: end };
}

function postDriver(): Driver {
  const lineOf = receiptLines(options.size);
  const pool = new Pool(text('url'), { connections: options.inflight, pipelining: 1 });
  const headers = { 'content-type': 'application/json' };
  const put = async (id: string): Promise<void> => {
    const { statusCode, body } = await pool.request({ method: 'POST', path: '/api/v1/sync', headers, body: lineOf(id) });
    const answer = await body.text();
    if (statusCode !== 201) throw new Error(answer.slice(0, 200));
  };
  return { put, [Symbol.asyncDispose]: () => pool.destroy() };
}

/** This process is the entry region itself. */
async function libraryDriver(): Promise<Driver> {
  const receiptOf = receiptObjects();
  rmSync(text('data'), { recursive: true, force: true });
  const config = new MultiRegionConfig('us-east-1')
    .addRegion(new RemoteRegion('us-west-1', text('west')))
    .addRegion(new RemoteRegion('eu-west-1', text('eu')))
    .withCrossRegionSync(true)
    .withQuorumThreshold(2)
    .withDataDir(text('data'));
  const manager = await ReceiptSyncManager.open(config);
  const put = async (id: string): Promise<void> => {
    const { quorumAchieved } = await manager.syncReceipt(receiptOf(id));
    if (!quorumAchieved) throw new Error('no quorum');
  };
  return { put, [Symbol.asyncDispose]: () => manager.close({ timeout: 0 }) };
}

function driverOf(mode: string): Driver | Promise<Driver> {
  if (mode === 'library') return libraryDriver();
  if (mode === 'rivals') return rivalsDriver();
  return mode === 'post' ? postDriver() : streamDriver();
}

/** What the common loop does not see: the client's own delay and memory, threads, and when it was measured. */
async function measure(driver: Driver): Promise<void> {
  const lag = monitorEventLoopDelay({ resolution: 10 });
  lag.enable();
  const startedUs = Number(process.hrtime.bigint() / 1_000n);
  const pids = [...pidsOf(text('name')), ...(text('mode') === 'library' ? [process.pid] : [])];
  const threads = threadsBetween(pids, lag);
  await bench(text('name'), options, driver.put, {
    mode: text('mode'),
    windowUs: [startedUs + options.warmup * 1e6, startedUs + (options.warmup + options.seconds) * 1e6],
    get client_lag_p99_ms() {
      return Math.round(lag.percentile(99) / 1e4) / 100;
    },
    get client_vmhwm_mb() {
      return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1_024);
    },
    get threads() {
      return threads();
    },
  });
}

/** CPU by thread over the measured time alone, as the common loop's figures are. */
function threadsBetween(pids: readonly number[], lag: { reset(): void }): () => readonly ThreadCpu[] {
  let before: readonly ThreadCpu[] = [];
  let used: readonly ThreadCpu[] = [];
  const take = async (): Promise<void> => {
    await wait(options.warmup * 1_000);
    lag.reset();
    before = threadCpu(pids);
    await wait(options.seconds * 1_000);
    used = cpuBetween(before, threadCpu(pids));
  };
  void take();
  return () => used;
}

async function prefill(driver: Driver): Promise<void> {
  const next = makeReceipts(options.size, options.ids);
  let left = Number(options['count']);
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await driver.put(next().id);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: PREFILL_IN_FLIGHT }, one));
  console.log(JSON.stringify({ receipts: options['count'], seconds: Math.round(performance.now() - start) / 1_000 }));
}

const driver = await driverOf(text('mode'));
await (options['mode'] === 'prefill' ? prefill(driver) : measure(driver));
await driver[Symbol.asyncDispose]();
process.exit(0);
