import type { Receipt } from '../../src/receipt/receipt.ts';
import type { SyncResult, Verification } from '../../src/region/sync-result.ts';
import type { Host } from '../host.ts';
import type { Read } from './read-back.ts';

/** A promise that was made to somebody; `digest` in hex. */
export interface Acknowledged {
  readonly region: string;
  readonly receiptId: string;
  readonly digest: string;
}

/** One invariant, with its own shadow of what was promised. Throws when it does not hold. */
export interface Checker {
  readonly name: string;
  /** It holds also where faults exceed what is stated: what is never answered wrongly, whatever happens. */
  readonly holdsBeyond?: true;
  /** A region said to somebody: durable here. */
  acknowledged?(promise: Acknowledged): void;
  /** A region is about to cosign this text, on the machine that it runs on. */
  cosigned?(region: string, text: string, host: Host): void;
  /** A region is about to sign this text with its log's key. */
  signed?(region: string, text: string, host: Host): void;
  /** A caller has brought a receipt; what it is told settles `answer`. */
  asked?(host: Host, receiptId: string, answer: Promise<unknown>): void;
  /** A caller got a result. */
  returned?(host: Host, result: SyncResult, hosts: readonly Host[]): void;
  /** A region handed out a certificate of this receipt. */
  certified?(host: Host, given: { readonly receipt: Receipt; readonly certificate: string }, hosts: readonly Host[]): void;
  /** A region said where a receipt is. */
  verified?(host: Host, verification: Verification & { readonly receiptId: string }, hosts: readonly Host[]): void;
  /** A region gave somebody what it has stored. */
  read?(host: Host, read: Read): void;
  /** Somebody says of a region that it has forgotten, forks, goes back, or is there twice; perhaps itself. */
  accused?(region: string): void;
  /** All faults have stopped, and time enough has passed. */
  finished(hosts: readonly Host[]): void;
}

/** What a checker throws. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
