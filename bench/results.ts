import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ProcessFigures } from './cluster.ts';
import type { Machine } from './machine.ts';
import type { Measured } from './systems.ts';

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url));

/** One run that counts. */
export interface RunRecord {
  readonly system: string;
  readonly callers: number;
  readonly round: number;
  /** Runs before it that something else disturbed. */
  readonly thrownAway: number;
  /** So was this one, after all tries: it is in no median. */
  readonly disturbed: boolean;
  readonly measured: Measured;
  /** Memory of our processes before the first receipt. */
  readonly idle?: readonly ProcessFigures[];
}

/** Everything of one session of the benchmark: peers and we on the same machine, interleaved. */
export interface Results {
  readonly when: string;
  /** Of the sources that were measured. */
  readonly commit: string;
  readonly machine: Machine;
  readonly seconds: number;
  readonly rounds: number;
  readonly runs: readonly RunRecord[];
}

export function readResults(name: string): Results {
  return JSON.parse(readFileSync(`${RESULTS}${name}`, 'utf8'));
}

/** One line a run, so that two files can be compared by eye. */
export function writeResults(name: string, { runs, ...rest }: Results): void {
  mkdirSync(RESULTS, { recursive: true });
  const head = JSON.stringify(rest).slice(0, -1);
  writeFileSync(`${RESULTS}${name}`, `${head},"runs":[\n${runs.map((run) => JSON.stringify(run)).join(',\n')}\n]}\n`);
}

/** What is for people alone. */
export function writeText(name: string, text: string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(`${RESULTS}${name}`, text);
}

/** The newest results of all systems. */
export function newestResults(): string | undefined {
  mkdirSync(RESULTS, { recursive: true });
  return readdirSync(RESULTS)
    .filter((each) => /^\d{4}-\d\d-\d\d\.json$/.test(each))
    .sort()
    .at(-1);
}

/** Takes one figure out of a run. */
export type Of = (measured: Measured) => number;

/** Medians over the rounds of one session; disturbed runs count nowhere. */
export class Figures {
  readonly #runs: readonly RunRecord[];
  readonly #disturbedToo: readonly RunRecord[];

  constructor(results: Results) {
    this.#disturbedToo = results.runs;
    this.#runs = results.runs.filter(({ disturbed }) => !disturbed);
  }

  median(system: string, callers: number, of: Of): number | undefined {
    return median(this.#of(system, callers).map(({ measured }) => of(measured)));
  }

  /** The median of each round's ratio to the other system: within a round both ran on the same machine in the same state. */
  ratio(system: string, reference: string, { callers, of }: { readonly callers: number; readonly of: Of }): number | undefined {
    const references = this.#of(reference, callers);
    const ratios = this.#of(system, callers).flatMap(({ round, measured }) => {
      const other = references.find((each) => each.round === round);
      return other === undefined ? [] : [of(measured) / of(other.measured)];
    });
    return median(ratios);
  }

  /** The most memory that any process of ours had taken, in MB: idle, or after a run with so many callers, disturbed or not. */
  memoryMb(system: string, at: number | 'idle'): number | undefined {
    const runs = this.#disturbedToo.filter((run) => run.system === system && (at === 'idle' || run.callers === at));
    const figures = runs.flatMap((run) => (at === 'idle' ? run.idle : run.measured.processes) ?? []);
    return figures.length === 0 ? undefined : Math.max(...figures.map(({ vmHwmMb }) => vmHwmMb));
  }

  #of(system: string, callers: number): readonly RunRecord[] {
    return this.#runs.filter((run) => run.system === system && run.callers === callers);
  }
}

/** The lower one of the two in the middle where there are two. */
function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
