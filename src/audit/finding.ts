/** What is not as it should be. `signature`: somebody's; the others: what leads from a receipt to a signed root. */
export type FindingKind =
  /** A signature does not verify, is missing, or is of nobody known. */
  | 'signature'
  /** A root is not that of the tree. */
  | 'root'
  /** A tile does not lead to the root, or is missing. */
  | 'tile'
  /** An entry is none, is missing, or does not lead to the root. */
  | 'entry'
  /** A receipt is not what its entry commits to. */
  | 'receipt'
  /** The index of first digests says something else than the log. */
  | 'index'
  /** An entry is not later than the one before it. */
  | 'time'
  /** What is signed now and what was signed before can not both be of one log. */
  | 'history';

/** One thing that an audit has found. */
export interface Finding {
  readonly kind: FindingKind;
  /** Whose log: an origin line, or `received`. */
  readonly log: string;
  readonly index?: number;
  readonly receiptId?: string;
  readonly message: string;
}

/** How a walk tells of something in its log. */
export type Tell = (kind: FindingKind, message: string, more?: Pick<Finding, 'index' | 'receiptId'>) => void;

/** Findings that are told one by one; the rest is counted. A log that does not fit at all has one an entry. */
const TOLD_MAX = 1_000;

/** Takes what an audit finds: counts all, tells each damage once. */
export class Findings {
  readonly #tell: (finding: Finding) => void;
  readonly #seen = new Set<string>();
  #signatures = 0;
  #others = 0;

  constructor(tell: (finding: Finding) => void) {
    this.#tell = tell;
  }

  /** Of kind `signature`. */
  get signatures(): number {
    return this.#signatures;
  }

  /** Of every other kind. */
  get others(): number {
    return this.#others;
  }

  get count(): number {
    return this.#signatures + this.#others;
  }

  add(finding: Finding): void {
    const name = `${finding.log} ${finding.message}`;
    if (this.#seen.has(name)) return;
    if (finding.kind === 'signature') this.#signatures += 1;
    else this.#others += 1;
    if (this.#seen.size >= TOLD_MAX) return;
    this.#seen.add(name);
    this.#tell(finding);
  }
}
