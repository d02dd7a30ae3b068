import type { Receipt } from '../src/receipt/receipt.ts';
import type { SyncResult, Verification } from '../src/region/sync-result.ts';
import type { Read } from './checkers/read-back.ts';
import type { Feature } from './features.ts';
import type { Host } from './host.ts';
import type { Net } from './net.ts';
import { Random } from './random.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What faults and workloads see of a world. */
export interface Stage {
  readonly seed: number;
  readonly clock: VirtualClock;
  readonly net: Net;
  readonly hosts: readonly Host[];
  /** May this world have it? */
  has(feature: Feature): boolean;
  /** The storm is over: no more faults, no new callers. */
  isOver(): boolean;
  /** Counts it, by name. */
  count(what: string): void;
  /** The same, and it is part of the trace. */
  happened(what: string): void;
  /** The seed fails with this. */
  failed(error: unknown): void;
  /** A machine loses its power, and is started again after so long. */
  powerCut(host: Host, downMs: number): void;
  /** A machine is stopped as its operator does it, and started again after so long. */
  restart(host: Host, downMs: number): void;
  /** A caller has brought a receipt, and waits for this. */
  asked(host: Host, receiptId: string, answer: Promise<unknown>): void;
  /** A caller was given this result. */
  returned(host: Host, result: SyncResult): void;
  /** … this certificate of a receipt. */
  certified(host: Host, receipt: Receipt, certificate: string): void;
  /** … this answer to the question where a receipt is. */
  verified(host: Host, receiptId: string, verification: Verification): void;
  /** … what is stored. */
  read(host: Host, read: Read): void;
}

/** A kind of event that comes again and again during the storm. */
export interface Recurring {
  readonly feature: Feature;
  /** Its own stream, so that seeds without it are as they were. */
  readonly salt: number;
  /** The share of the seeds that have it at all. */
  readonly share: number;
  /** The mean time between two is between 500 ms and this. */
  readonly mostMs: number;
}

/** Lets it happen at a rate of the seed's own, which may be none. */
export function recur(stage: Stage, { feature, salt, share, mostMs }: Recurring, happen: (random: Random) => void): void {
  const random = new Random(stage.seed ^ salt);
  if (!stage.has(feature) || !random.chance(share)) return;
  const meanMs = 500 + random.uniform() * mostMs;
  const again = (): void => {
    stage.clock.after(meanMs * 2 * random.uniform(), () => {
      if (stage.isOver()) return;
      stage.happened(feature);
      happen(random);
      again();
    });
  };
  again();
}
