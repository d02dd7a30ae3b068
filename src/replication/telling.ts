import type { CertifiedText } from './certify.ts';
import type { CertifiedSync, Checkpoints } from './checkpoints.ts';

/** A certified text that goes with a batch, as its second field (SPEC §3.2). */
export type Told = CertifiedSync | CertifiedText;

/**
 * Which certified texts one mirror has been told of: the newest sync text, and those that are kept because later ones certify less, so
 * that every region can prove old entries of every log (SPEC §4).
 */
export class Telling {
  readonly #checkpoints: Checkpoints;
  #sync: Told | undefined;
  /** With so many signatures. */
  readonly #kept = new Map<Told, number>();

  constructor(checkpoints: Checkpoints) {
    this.#checkpoints = checkpoints;
  }

  /** What it has not been told. `known`: how much of the log it holds; of what is kept it is told what it can check. */
  next(known: number): Told | undefined {
    const { certifiedSync, proving } = this.#checkpoints;
    const untold = proving.kept.find((text) => text.size <= known && this.#kept.get(text) !== text.signers.size);
    if (untold !== undefined) return untold;
    return certifiedSync === this.#sync ? undefined : certifiedSync;
  }

  sent(told: Told | undefined): void {
    if (told === undefined) return;
    if ('signers' in told) this.#kept.set(told, told.signers.size);
    else this.#sync = told;
  }

  /** A batch failed, perhaps with this: it is told again, and so is the newest, which a remote that went down may not have kept. */
  failed(told: Told | undefined): void {
    this.#sync = undefined;
    if (told !== undefined) this.#kept.delete(told);
  }

  /** Now and then the newest is told again: a remote that went down, or whose disk was full, may not have kept it. */
  beat(): void {
    this.#sync = undefined;
  }
}
