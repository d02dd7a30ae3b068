import { Worker } from 'node:worker_threads';
import type { Outcome, Task } from './messages.ts';

/** Runs seeds in threads of their own; one that throws in the background takes its thread with it, and another takes its place. */
export class Pool implements AsyncDisposable {
  readonly #workers: Set<Worker> = new Set();
  readonly #idle: Worker[] = [];

  /** One task by itself. */
  async one(task: Task): Promise<Outcome> {
    const worker = this.#idle.pop() ?? this.#newWorker();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const failed = (error: Error): void => {
      this.#workers.delete(worker);
      resolve({ task, problem: `in the background: ${error.message}`, cpuMs: 0 });
    };
    const answered = (outcome: Outcome): void => {
      worker.off('error', failed);
      this.#idle.push(worker);
      resolve(outcome);
    };
    worker.once('error', failed);
    worker.once('message', answered);
    worker.postMessage(task);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
  }

  #newWorker(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url));
    this.#workers.add(worker);
    return worker;
  }
}
