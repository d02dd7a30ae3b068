import { parentPort, threadId } from 'node:worker_threads';
import { assert } from '../../src/std/assert.ts';
import { runKind } from './kinds.ts';
import type { Outcome, Task } from './messages.ts';

assert(parentPort !== null && threadId > 0, 'this is a worker');
const port = parentPort;

/** Seeds are run one after the other: whatever fails in the background belongs to the one under way. */
port.on('message', (task: Task) => {
  const before = process.threadCpuUsage();
  const over = (outcome: Omit<Extract<Outcome, { report: unknown }>, 'cpuMs'> | Omit<Extract<Outcome, { problem: unknown }>, 'cpuMs'>): void => {
    const { user, system } = process.threadCpuUsage(before);
    // A rejection that nobody has handled is told of before that: it is this seed's.
    setImmediate(() => port.postMessage({ ...outcome, cpuMs: (user + system) / 1_000 }));
  };
  runKind(task.kind, task.seed, task.options).then(
    (report) => over({ task, report }),
    (error: unknown) => over({ task, problem: error instanceof Error ? error.message : String(error) }),
  );
});
