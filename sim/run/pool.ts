import { Worker } from 'node:worker_threads';
import type { Outcome, Task } from './messages.ts';

/** A seed takes a tenth of a second, a hard one five on a busy machine: one that takes so long goes round in circles. */
const SEED_MS_MAX = 120_000;

/** Runs seeds in threads of their own; one that throws in the background takes its thread with it, and another takes its place. */
export class Pool implements AsyncDisposable {
  readonly #seedMsMax: number;
  readonly #workers: Set<Worker> = new Set();
  readonly #idle: Worker[] = [];

  constructor({ seedMsMax = SEED_MS_MAX }: { readonly seedMsMax?: number } = {}) {
    this.#seedMsMax = seedMsMax;
  }

  /** One task by itself. */
  async one(task: Task): Promise<Outcome> {
    const worker = this.#idle.pop() ?? this.#newWorker();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const gone = (problem: string): void => {
      clearTimeout(limit);
      this.#workers.delete(worker);
      resolve({ task, problem, cpuMs: 0 });
    };
    const failed = (error: Error): void => gone(`in the background: ${error.message}`);
    const answered = (outcome: Outcome): void => {
      clearTimeout(limit);
      worker.off('error', failed);
      this.#idle.push(worker);
      resolve(outcome);
    };
    const limit = setTimeout(() => {
      worker.off('message', answered);
      void worker.terminate().then(() => gone(`does not end within ${this.#seedMsMax / 1_000} s`));
    }, this.#seedMsMax);
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
