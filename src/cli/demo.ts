import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { durationMs } from '../std/duration.ts';
import { CLUSTER_DEFAULT, newClusterKeys, policyOf, type RegionKeys } from './cluster-keys.ts';
import { type WrittenCertificate, writeCertificate } from './demo/certificate.ts';
import { type DelayProxy, delayProxy } from './demo/delay-proxy.ts';
import { type KillPlan, parseKill } from './demo/kills.ts';
import { freePorts, type RegionPorts, RegionProcess, writeRegion } from './demo/region-process.ts';
import { newProgress, type Progress, runDemo } from './demo/run.ts';
import { liveScreen } from './demo/screen.ts';
import { receiptsFrom } from './demo/sources.ts';
import { parseTamper, type TamperReport, tamperText } from './demo/tamper.ts';
import { conflictLines, percentile } from './demo/view.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { print, tell } from './io.ts';

const REGIONS = ['us-east-1', 'us-west-1', 'eu-west-1'] as const;
const ENTRY = REGIONS[0];
const THRESHOLD = 2;
/** Where the certificate is left when the regions are not kept. */
const CERTIFICATE_FOLDER = './receipt-sync-demo';

interface DemoOptions {
  readonly source?: string;
  readonly count: string;
  readonly rate: string;
  readonly headless?: true;
  readonly latency?: string;
  readonly dataDir?: string;
  readonly kill: readonly string[];
  readonly tamper?: string;
  readonly conflict?: true;
  readonly json?: true;
}

/** `demo`: the main job on real input, in three real processes. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('Three regions as three processes on this machine, receipts of real commits, a region killed while the quorum holds.')
    .option('--source <source>', "git:DIR, an ndjson file, or synthetic (default: this folder's git history)")
    .option('--count <n>', 'how many receipts', '500')
    .option('--rate <n/s>', 'how many a second', '100/s')
    .option('--headless', 'no live view')
    .option('--latency <region=duration,…>', 'round trip added on the way to a region')
    .option('--data-dir <dir>', 'keep the regions here (default: a folder that is removed at the end)')
    .addOption(
      new Option('--kill <region@2s[+3s]>', 'SIGKILL it 2 s after the first receipt, restart it 3 s later; may be repeated').argParser(collect).default([]),
    )
    .option('--tamper <region@2s>', 'change a byte in its store 2 s after the first receipt: found, not served, not counted')
    .option('--conflict', 'at the end, two contents under one id to two regions at once: exactly one is certified, and both see why')
    .option('--json', 'print one JSON object at the end')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync demo\n  receipt-sync demo --headless --json --kill eu-west-1@2s\n  receipt-sync demo --headless --tamper us-west-1@2s\n  receipt-sync demo --headless --conflict\n  receipt-sync demo --source synthetic --count 2000 --rate 500/s --latency us-west-1=60ms\n',
    )
    .action((options: DemoOptions) => demo(options));
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

async function demo(options: DemoOptions): Promise<void> {
  const count = wholeNumber('--count', options.count);
  const perSecond = wholeNumber('--rate', options.rate.replace(/\/s$/, ''));
  const kills = options.kill.map((text) => parseKill(text, REGIONS));
  const planned = options.tamper === undefined ? undefined : parseTamper(options.tamper, REGIONS);
  const latency = parseLatency(options.latency);
  const { description, receipts } = await receiptsFrom(options.source, count);
  const folder = options.dataDir ?? mkdtempSync(join(tmpdir(), 'receipt-sync-demo-'));
  mkdirSync(folder, { recursive: true });
  const keys = newClusterKeys(CLUSTER_DEFAULT, REGIONS);
  const cluster = await startCluster(folder, latency, keys);
  const progress = newProgress(receipts.length);
  const screen = options.headless === true || !process.stderr.isTTY ? undefined : liveScreen({ description, regions: cluster.regions, progress });
  const say = screen === undefined ? tell : (): void => undefined;
  say(`${description}; regions ${REGIONS.join(', ')}; quorum ${THRESHOLD} of 3`);
  let written: WrittenCertificate | undefined;
  try {
    const policy = policyOf(keys, THRESHOLD);
    const [one, two] = cluster.regions.values();
    const conflict = options.conflict === true && one !== undefined && two !== undefined ? { sides: [one, two] as const, policy } : undefined;
    await runDemo({ receipts, perSecond, kills, tamper: planned, regions: cluster.regions, entry: cluster.entry, conflict, tell: say }, progress);
    const [receipt] = receipts;
    if (receipt !== undefined) written = await writeCertificate(options.dataDir ?? CERTIFICATE_FOLDER, cluster.entry, { receipt, policy });
  } finally {
    screen?.close();
    await cluster.stop();
    if (options.dataDir === undefined) rmSync(folder, { recursive: true, force: true });
  }
  report(progress, kills, { options, written });
}

interface Cluster {
  readonly regions: ReadonlyMap<string, RegionProcess>;
  readonly entry: RegionProcess;
  stop(): Promise<void>;
}

async function startCluster(folder: string, latency: ReadonlyMap<string, number>, keys: ReadonlyMap<string, RegionKeys>): Promise<Cluster> {
  const free = await freePorts(2 * REGIONS.length);
  const proxies: DelayProxy[] = [];
  const ports = new Map<string, RegionPorts>();
  for (const [n, id] of REGIONS.entries()) {
    const own = { local: free[2 * n] ?? 0, peers: free[2 * n + 1] ?? 0 };
    const delayMs = latency.get(id) ?? 0;
    const proxy = delayMs > 0 ? await delayProxy(own.peers, delayMs) : undefined;
    if (proxy !== undefined) proxies.push(proxy);
    ports.set(id, { ...own, reached: proxy?.port ?? own.peers });
  }
  const regions = new Map<string, RegionProcess>();
  for (const [id, own] of ports) {
    writeRegion(join(folder, id), { id, threshold: THRESHOLD, ports, cluster: CLUSTER_DEFAULT, keys });
    regions.set(id, new RegionProcess(id, join(folder, id), own));
  }
  endWithUs([...regions.values()]);
  const stop = async (): Promise<void> => {
    await Promise.all([...regions.values()].map((region) => region.stop()));
    for (const proxy of proxies) proxy.close();
  };
  const entry = regions.get(ENTRY);
  try {
    await Promise.all([...regions.values()].map((region) => region.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  if (entry === undefined) throw new CommandFailure(EXIT.ourBug, 'The entry region is missing');
  return { regions, entry, stop };
}

/** However this process ends, its regions end with it. */
function endWithUs(regions: readonly RegionProcess[]): void {
  process.on('exit', () => {
    for (const region of regions) region.killNow();
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(EXIT.tryAgain));
}

function report(
  progress: Progress,
  kills: readonly KillPlan[],
  { options, written }: { readonly options: DemoOptions; readonly written: WrittenCertificate | undefined },
): void {
  const { total, certified, pending, refused, latenciesMs } = progress;
  const p50Ms = rounded(percentile(latenciesMs, 0.5));
  const p99Ms = rounded(percentile(latenciesMs, 0.99));
  if (options.json === true)
    print(
      JSON.stringify({
        receipts: total,
        certified,
        pending,
        refused,
        p50Ms,
        p99Ms,
        kills: progress.kills,
        tamper: progress.tampers[0] ?? null,
        ...(progress.conflict === undefined ? {} : { conflict: progress.conflict }),
        certificate: written?.certificate ?? null,
        verified: written?.verified ?? false,
      }),
    );
  else {
    print(`${certified} of ${total} receipts at quorum (pending ${pending}, refused ${refused}); p50 ${p50Ms} ms, p99 ${p99Ms} ms`);
    for (const line of eventLines(progress)) print(line);
    if (written !== undefined) {
      const { certificate, receipt, policy, verified } = written;
      print(`A certificate of the first receipt is in ${certificate}, and it ${verified ? 'verifies offline' : 'does NOT verify'}:`);
      print(`  npm run -s receipt-sync -- verify ${certificate} --receipt ${receipt} --policy ${policy}`);
    }
  }
  process.exitCode = written?.verified === true && wentWell(progress, { kills, options }) ? EXIT.ok : EXIT.negative;
}

/** What was done to the regions, and what came of it. */
function eventLines({ kills, tampers, conflict }: Progress): readonly string[] {
  const killed = kills.map(
    ({ region, acceptedWhileDown, owedAtReturn, complete }) =>
      `${region} was killed: ${acceptedWhileDown} receipts reached their quorum without it, ${owedAtReturn} were owed to it; it ${complete ? 'holds all of them now' : 'is NOT complete'}`,
  );
  return [...killed, ...tampers.map(tamperText), ...conflictLines(conflict)];
}

function wentWell(progress: Progress, { kills, options }: { readonly kills: readonly KillPlan[]; readonly options: DemoOptions }): boolean {
  return (
    progress.certified === progress.total &&
    progress.conflict?.asItShould !== false &&
    kills.length === progress.kills.length &&
    (options.tamper === undefined || progress.tampers.length > 0) &&
    progress.tampers.every(isHarmless) &&
    progress.kills.every(({ complete, acceptedWhileDown }) => complete && acceptedWhileDown > 0)
  );
}

/** A copy that was changed is found and goes nowhere, and the others have the receipt all the same. */
function isHarmless({ found, served, counted, verdict }: TamperReport): boolean {
  return found && !served && !counted && verdict === 'confirmed';
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function wholeNumber(flag: string, text: string): number {
  if (!/^[1-9][0-9]{0,6}$/.test(text)) throw new CommandFailure(EXIT.usage, `${flag} must be a whole number from 1 to 9999999`);
  return Number(text);
}

function parseLatency(text: string | undefined): ReadonlyMap<string, number> {
  const latency = new Map<string, number>();
  for (const item of (text ?? '').split(',').filter((part) => part !== '')) {
    const [region = '', duration] = item.split('=');
    const ms = durationMs(duration);
    if (ms === undefined || !REGIONS.some((id) => id === region))
      throw new CommandFailure(EXIT.usage, `--latency ${item} must be REGION=60ms, of ${REGIONS.join(', ')}`);
    latency.set(region, ms);
  }
  return latency;
}
