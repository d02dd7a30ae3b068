import type { Checkpoints } from './checkpoints.ts';
import type { OwnGroups, Stretch } from './own-groups.ts';

export interface OwnDoubtsOptions {
  readonly groups: OwnGroups;
  readonly checkpoints: Checkpoints;
  /** Rejects with RottenError if a stretch is not what was stored, and tells of it. */
  readonly checkStretch: (stretch: Stretch) => Promise<void>;
}

/**
 * While a remote says that what was sent to it is not what was signed: our own copy may have rotted. It is looked at then, and at no other
 * time: the remote checks everything anyway, and catching up would pay for it twice.
 */
export class OwnDoubts {
  readonly #options: OwnDoubtsOptions;
  #isOpen = false;

  constructor(options: OwnDoubtsOptions) {
    this.#options = options;
  }

  /** The remote has refused entries from `start` on. What has rotted is told of at once, and not sent again. */
  async begin(start: number): Promise<void> {
    this.#isOpen = true;
    const { groups, checkpoints, checkStretch } = this.#options;
    const stretch = await groups.stored(start, checkpoints.batchEnd(start)).catch(() => undefined);
    // What it finds is told of on its way.
    if (stretch !== undefined) await checkStretch(stretch).catch(() => undefined);
  }

  /** What is about to be sent. Rejects with RottenError. */
  async look(stretch: Stretch): Promise<void> {
    if (this.#isOpen) await this.#options.checkStretch(stretch);
  }

  /** The remote has taken something. */
  end(): void {
    this.#isOpen = false;
  }
}
