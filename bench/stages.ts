import { type Frame, readProfiles, type ThreadProfile, UNNAMED } from './cpu-profile.ts';
import type { Measured } from './systems.ts';
import type { ThreadCpu } from './threads.ts';

/** The store's thread waits here for the disk: most of its time is no CPU. */
const FSYNC = 'commit: WAL write and fsync';
const SOCKET_WRITES = 'socket writes (kernel)';
const LOOP = 'event loop, epoll, socket reads (native)';
/** Stages that are spent in the kernel; the others are not, or hardly. */
const IN_KERNEL: ReadonlySet<string> = new Set([FSYNC, SOCKET_WRITES, LOOP]);

/** A stage and the frames that are it, the first that fits; frames that none names belong to their caller's stage. */
const STAGES: readonly (readonly [string, RegExp])[] = [
  ['idle', /^\(idle\)/],
  ['GC on the thread', /^\(garbage collector\)/],
  [LOOP, /^\(program\)/],
  ['start-up', /wrapSafe|compileSourceTextModule|compileForInternalLoader|internal\/modules|commander|yaml\//],
  // Native functions keep the stage of their caller, but for those that cross a border.
  [SOCKET_WRITES, /^(?:writev|writeUtf8String|writeLatin1String|writeBuffer) $/],
  ['between threads', /^postMessage|messageport|internal\/worker|store-sqlite\/(?:store|worker|messages)\.js|internal\/event_target/],
  [FSYNC, /^#transact .*engine\.js/],
  ['WAL checkpoint', /^#?checkpoint\w* .*engine\.js/],
  ['SQLite: inserts', /engine\.js/],
  ['SQLite: id look-ups', /store-sqlite\/reader\.js/],
  ['JSON scan of receipts', /std\/json\.js|receipt\/(?:wire|limits|parse)\.js|http\/request\.js/],
  ['canonical bytes and digest', /receipt\/canonical\.js/],
  ['decide, commitment, encode', /dist\/log\/|adapters\/entropy\.js/],
  ['turns', /replication\/commit\.js/],
  ['links: owed, tail, schedule', /replication\/(?:link|owed|call-book|exchange|tail|retry|receive)\.js|index-ranges\.js|region\/circuit\.js/],
  ['callers and tally', /replication\/(?:sync|waiting-room|region)\.js|dist\/quorum\/|manager\.js/],
  ['events and log lines', /observers\/|broadcast\.js|refusal-log\.js/],
  ['link requests: JSON out, answers in', /peer-http\/(?:peer|failures)\.js/],
  ['link requests: undici', /undici|wasm-function/],
  ['answers to regions', /peer-http\/listener\.js|stored-json\.js/],
  ['answers to applications', /dist\/server\/|http\/(?:route|problem)\.js/],
  ['HTTP server of Node', /node:_http_|internal\/http/],
  ['timers and clock', /adapters\/clock\.js|internal\/timers|node:timers/],
  ['sockets and streams of Node', /node:net|internal\/stream|internal\/streams|internal\/js_stream/],
  ['promises and ticks of Node', /^runMicrotasks|task_queues|internal\/async_hooks|internal\/abort_controller|process\/promises/],
];

/** Where a frame's own time goes. */
function stageOf({ functionName, url }: Frame): string | undefined {
  const text = `${functionName} ${url}`;
  return STAGES.find(([, pattern]) => pattern.test(text))?.[0];
}

/** For each thread of each region, what a receipt costs there by stage: µs and share of the thread. Text for people. */
export function stagesText(folder: string, measured: Measured): string {
  const { windowUs = [0, Number.POSITIVE_INFINITY], receipts = 0, threads = [], rps } = measured;
  const profiles = readProfiles(folder, stageOf, windowUs);
  const all = profiles.flatMap(({ stages }) => [...stages]);
  const total = sum(all.map(([, us]) => us));
  const named = sum(all.filter(([stage]) => stage !== UNNAMED).map(([, us]) => us));
  const lines = [`${rps} receipts/s while profiled; ${((100 * named) / total).toFixed(1)} % of the threads' time is in named stages.`];
  lines.push('µs of CPU a receipt: the kernel counts what a thread uses outside and inside of it, the samples divide both. Waits for the disk are no CPU.');
  for (const profile of profiles) lines.push('', ...threadTable(profile, { receipts, threads }));
  lines.push('', ...rest(profiles, { receipts, threads }));
  return lines.join('\n');
}

interface Load {
  readonly receipts: number;
  readonly threads: readonly ThreadCpu[];
}

function threadTable(profile: ThreadProfile, load: Load): readonly string[] {
  const { region, pid, thread, stages, unnamed } = profile;
  const per = (us: number): number => us / Math.max(1, load.receipts);
  const kernel = load.threads.find((each) => each.pid === pid && each.thread === (thread === 'main' ? 'main' : 'WorkerThread'));
  const cpu = per(1e6 * ((kernel?.user ?? 0) + (kernel?.system ?? 0)));
  const inKernel = per(1e6 * (kernel?.system ?? 0));
  // Samples also count time in which a thread waits for the disk or, on a full machine, for a core: after a system call that woke another
  // thread above all. So the kernel's own count is divided among what is spent in the kernel, and the rest among the rest.
  const wall = (inside: boolean): number => per(sum([...stages].filter(([stage]) => IN_KERNEL.has(stage) === inside).map(([, us]) => us)));
  const [inWall, outWall] = [wall(true), wall(false)];
  const shown = [...stages].map(([stage, us]): readonly [string, number] => {
    const share = IN_KERNEL.has(stage) ? inKernel / inWall : (cpu - inKernel) / outWall;
    return [stage, per(us) * share];
  });
  const head = `${region}, ${thread} thread: ${cpu.toFixed(1)} µs of CPU a receipt (${inKernel.toFixed(1)} in the kernel), ${(inWall + outWall).toFixed(1)} µs of time`;
  const rows = shown
    .sort(([, a], [, b]) => b - a)
    .map(([stage, us]) => {
      const wait = stage === FSYNC ? `  (${per(stages.get(FSYNC) ?? 0).toFixed(1)} µs with the wait)` : '';
      return `  ${us.toFixed(2).padStart(7)} µs ${((100 * us) / cpu).toFixed(1).padStart(5)} %  ${stage}${wait}`;
    });
  const unnamedRows = unnamed.slice(0, 5).map(([frame, us]) => `            unnamed: ${per(us).toFixed(2)} µs ${frame}`);
  return [head, ...rows, ...unnamedRows];
}

/** Threads that no profile covers: V8's helpers collect garbage, the profiler's own are no cost of ours. */
function rest(profiles: readonly ThreadProfile[], load: Load): readonly string[] {
  const names = [...new Set(load.threads.map(({ thread }) => thread))].filter((name) => name !== 'main' && name !== 'WorkerThread');
  const rows = profiles
    .filter(({ thread }) => thread === 'main')
    .flatMap(({ region, pid }) =>
      names.flatMap((name) => {
        const used = load.threads.find((each) => each.pid === pid && each.thread === name);
        const us = (1e6 * ((used?.user ?? 0) + (used?.system ?? 0))) / Math.max(1, load.receipts);
        return us < 0.05 ? [] : [`  ${us.toFixed(2).padStart(7)} µs  ${region}: ${name}`];
      }),
    );
  return ['Other threads, CPU a receipt (V8Worker: parallel garbage collection and compilation; v8:ProfEvntProc: the profiler itself)', ...rows];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
