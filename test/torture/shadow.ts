import { type Content, digestOf } from './proofs.ts';

/** A content with its digest as we compute it. */
export interface Submitted extends Content {
  readonly digest: string;
}

/** A certificate as it was handed out. */
export interface HandedOut {
  readonly by: string;
  readonly submitted: Submitted;
  readonly text: string;
}

/** What was wrong, at the moment it was seen. */
export class Violation extends Error {}

/**
 * The clients' own memory of what they were told, kept beside the system and never taken from it: the checker holds every region to it.
 */
export class Shadow {
  /** By id: what was ever submitted under it, by digest. */
  readonly submitted: Map<string, Map<string, Submitted>> = new Map();
  /** By digest: told to have its quorum. */
  readonly certain: Map<string, Submitted> = new Map();
  /** By region, then digest: told to be durable there. */
  readonly durable: Map<string, Map<string, Submitted>> = new Map();
  readonly handedOut: HandedOut[] = [];
  /** Told 409: a second content, not stored. */
  conflicts = 0;
  /** Requests without an answer that says something. */
  unanswered = 0;

  submit(content: Content): Submitted {
    const submitted = { ...content, digest: digestOf(content) };
    const under = this.submitted.get(content.receipt_id) ?? new Map<string, Submitted>();
    this.submitted.set(content.receipt_id, under.set(submitted.digest, submitted));
    return submitted;
  }

  /** Throws where another content of the same id was certain before: both can't be. */
  isCertain(submitted: Submitted): void {
    this.certain.set(submitted.digest, submitted);
    const both = [...(this.submitted.get(submitted.receipt_id)?.keys() ?? [])].filter((digest) => this.certain.has(digest));
    if (both.length > 1) throw new Violation(`two contents of ${submitted.receipt_id} were told to have their quorum`);
  }

  isDurable(region: string, submitted: Submitted): void {
    const there = this.durable.get(region) ?? new Map<string, Submitted>();
    this.durable.set(region, there.set(submitted.digest, submitted));
  }

  /** Ids with more than one content. */
  get contested(): readonly string[] {
    return [...this.submitted].filter(([, under]) => under.size > 1).map(([id]) => id);
  }
}
