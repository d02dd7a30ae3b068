import type { Changes, CosignedText, KnownReceipt, LogNumber, NewGroup, Refusal, TreeGrowth } from './changes.ts';
import type { Heads, LogHead } from './heads.ts';

/** What one turn has come to so far: scratch of `decide`, which is synchronous. */
export class Turn {
  readonly region: string;
  readonly heads: Map<LogNumber, LogHead>;
  readonly known: Map<string, KnownReceipt>;
  readonly groups: NewGroup[] = [];
  readonly trees: TreeGrowth[] = [];
  readonly texts: CosignedText[] = [];
  readonly refusals: Refusal[] = [];

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
