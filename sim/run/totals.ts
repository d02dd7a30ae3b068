import type { Outcome, Task } from './messages.ts';

/** A seed that failed. */
export interface Failure {
  readonly task: Task;
  readonly problem: string;
}

/** Sums over many seeds. */
export class Totals {
  readonly failures: Failure[] = [];
  readonly counts: Map<string, number> = new Map();
  /** In how many seeds each of these happened. */
  readonly seedsWith: Map<string, number> = new Map();
  seeds = 0;
  simulatedMs = 0;
  cpuMs = 0;
  /** The longest that it took from the last fault until nothing was owed. */
  owedMsMost = 0;
  readonly #startMs = performance.now();

  add(outcome: Outcome): void {
    this.seeds += 1;
    this.cpuMs += outcome.cpuMs;
    if ('problem' in outcome) {
      this.failures.push(outcome);
      return;
    }
    this.simulatedMs += outcome.report.simulatedMs;
    this.owedMsMost = Math.max(this.owedMsMost, outcome.report.owedMs ?? 0);
    for (const [what, times] of outcome.report.counts) {
      this.counts.set(what, (this.counts.get(what) ?? 0) + times);
      this.seedsWith.set(what, (this.seedsWith.get(what) ?? 0) + 1);
    }
  }

  /** In a line, and the counts in another. */
  lines(): readonly string[] {
    const seconds = (performance.now() - this.#startMs) / 1_000;
    const hours = this.simulatedMs / 3_600_000;
    const cpuHours = this.cpuMs / 3_600_000;
    const counts = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, times]) => `${what}: ${times}`);
    return [
      `${this.seeds} seeds, ${this.failures.length} failed; ${hours.toFixed(1)} simulated hours in ${seconds.toFixed(1)} s (${(this.cpuMs / 1_000).toFixed(1)} s of CPU): ` +
        `${(cpuHours === 0 ? 0 : hours / cpuHours).toFixed(0)} simulated hours per CPU hour, ${((60 * this.seeds) / seconds).toFixed(0)} schedules a minute` +
        (this.owedMsMost > 0 ? `, nothing owed after at most ${(this.owedMsMost / 1_000).toFixed(0)} s without faults` : ''),
      counts.join(', '),
    ];
  }
}
