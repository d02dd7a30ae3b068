import type { Changes, CosignedText, KnownReceipt, LogNumber, NewGroup, Place, Refusal, TreeGrowth } from './changes.ts';
import type { Heads, LogHead } from './heads.ts';

/** A second content under an id, in a log that is mirrored: stored there, and refused (SPEC §4). */
export interface Conflict extends Place {
  readonly receiptId: string;
  /** The digest that came first. */
  readonly held: Uint8Array;
  readonly offered: Uint8Array;
  /** An entry with the content that came first. */
  readonly first: Place;
}

/** What one turn has come to so far: scratch of `decide`, which is synchronous. */
export class Turn {
  readonly region: string;
  readonly heads: Map<LogNumber, LogHead>;
  readonly known: Map<string, KnownReceipt>;
  readonly groups: NewGroup[] = [];
  readonly trees: TreeGrowth[] = [];
  readonly texts: CosignedText[] = [];
  readonly refusals: Refusal[] = [];
  readonly conflicts: Conflict[] = [];

  constructor(region: string, heads: Heads, known: ReadonlyMap<string, KnownReceipt>) {
    this.region = region;
    this.heads = new Map(heads);
    this.known = new Map(known);
  }

  /** What is to be made durable of it. */
  written(): Pick<Changes, 'groups' | 'trees' | 'texts' | 'refusals'> {
    return { groups: this.groups, trees: this.trees, texts: this.texts, refusals: this.refusals };
  }
}
