import type { SyncResult } from '../../src/region/sync-result.ts';
import type { Host } from '../host.ts';

/** A promise that was made to somebody; `digest` in hex. */
export interface Acknowledged {
  readonly region: string;
  readonly receiptId: string;
  readonly digest: string;
}

/** One invariant, with its own shadow of what was promised. Throws when it does not hold. */
export interface Checker {
  readonly name: string;
  /** A region said to somebody: durable here. */
  acknowledged?(promise: Acknowledged): void;
  /** A region has cosigned this text. */
  cosigned?(region: string, text: string): void;
  /** A caller got a result. */
  returned?(host: Host, result: SyncResult, hosts: readonly Host[]): void;
  /** All faults have stopped, and time enough has passed. */
  finished(hosts: readonly Host[]): void;
}

/** What a checker throws. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
