import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A function as V8 names it. */
export interface Frame {
  readonly functionName: string;
  readonly url: string;
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: Frame;
  readonly children?: readonly number[];
}

/** https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile; times in µs of the monotonic clock. */
interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** One thread of one process, as `--cpu-prof` wrote it. */
export interface ThreadProfile {
  readonly region: string;
  readonly pid: number;
  readonly thread: 'main' | 'store';
  /** µs of wall time by stage while anything ran; the frames' own time, callees not included. */
  readonly stages: ReadonlyMap<string, number>;
  /** What no rule named, by function, most first. */
  readonly unnamed: readonly (readonly [string, number])[];
}

/** Which stage a frame belongs to by itself; `undefined`: to whatever its caller belongs to. */
export type Rules = (frame: Frame) => string | undefined;

export const IDLE = 'idle';
export const UNNAMED = 'unnamed';

/** Reads the profiles of a folder that has one folder a region; only samples within the window count. */
export function readProfiles(folder: string, rules: Rules, windowUs: readonly [number, number]): readonly ThreadProfile[] {
  return readdirSync(folder)
    .sort()
    .flatMap((region) =>
      readdirSync(join(folder, region)).map((file): ThreadProfile => {
        // CPU.<day>.<time>.<pid>.<thread>.<number>.cpuprofile
        const [, , , pid, thread] = file.split('.');
        const profile: CpuProfile = JSON.parse(readFileSync(join(folder, region, file), 'utf8'));
        return { region, pid: Number(pid), thread: thread === '0' ? 'main' : 'store', ...timesOf(profile, rules, windowUs) };
      }),
    );
}

function timesOf(profile: CpuProfile, rules: Rules, [startUs, endUs]: readonly [number, number]): Pick<ThreadProfile, 'stages' | 'unnamed'> {
  const stageOf = stageFinder(profile.nodes, rules);
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, `${callFrame.functionName} ${callFrame.url.split('/').slice(-2).join('/')}`]));
  const stages = new Map<string, number>();
  const unnamed = new Map<string, number>();
  let at = profile.startTime;
  for (const [n, id] of profile.samples.entries()) {
    const took = profile.timeDeltas[n] ?? 0;
    at += took;
    if (at < startUs || at > endUs) continue;
    const stage = stageOf(id);
    add(stages, stage, took);
    if (stage === UNNAMED) add(unnamed, frames.get(id) ?? '', took);
  }
  stages.delete(IDLE);
  return { stages, unnamed: [...unnamed].sort(([, a], [, b]) => b - a) };
}

/** A frame that no rule names belongs to its caller: a Buffer's method is part of whoever calls it. */
function stageFinder(nodes: readonly ProfileNode[], rules: Rules): (id: number) => string {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const known = new Map<number, string>();
  const find = (id: number): string => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const node = byId.get(id);
    const parent = parents.get(id);
    const stage = (node === undefined ? undefined : rules(node.callFrame)) ?? (parent === undefined ? UNNAMED : find(parent));
    known.set(id, stage);
    return stage;
  };
  return find;
}

function add(sums: Map<string, number>, key: string, value: number): void {
  sums.set(key, (sums.get(key) ?? 0) + value);
}
