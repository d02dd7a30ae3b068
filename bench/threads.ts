import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** CPU that one kind of thread of a process has used, in seconds. */
export interface ThreadCpu {
  readonly pid: number;
  /** `main`, or the kernel's name of the thread. */
  readonly thread: string;
  readonly user: number;
  readonly system: number;
}

/** CPU so far of every thread of these processes, threads of one name added up. */
export function threadCpu(pids: readonly number[]): readonly ThreadCpu[] {
  return pids.flatMap((pid) => {
    const sums = new Map<string, ThreadCpu>();
    for (const task of tasksOf(pid)) {
      const stat = statOf(pid, task);
      if (stat === undefined) continue;
      const thread = task === String(pid) ? 'main' : stat.name;
      const before = sums.get(thread) ?? { pid, thread, user: 0, system: 0 };
      sums.set(thread, { ...before, user: before.user + stat.user, system: before.system + stat.system });
    }
    return [...sums.values()];
  });
}

/** What was used between two snapshots. */
export function cpuBetween(before: readonly ThreadCpu[], after: readonly ThreadCpu[]): readonly ThreadCpu[] {
  return after.map(({ pid, thread, user, system }) => {
    const first = before.find((one) => one.pid === pid && one.thread === thread);
    return { pid, thread, user: user - (first?.user ?? 0), system: system - (first?.system ?? 0) };
  });
}

function tasksOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    // The process has ended; so has its part in the sum.
    return [];
  }
}

function statOf(pid: number, task: string): { readonly name: string; readonly user: number; readonly system: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    const fields = stat.slice(end + 2).split(' ');
    return { name: stat.slice(stat.indexOf('(') + 1, end), user: Number(fields[11]) / TICKS_PER_SECOND, system: Number(fields[12]) / TICKS_PER_SECOND };
  } catch {
    return undefined;
  }
}
