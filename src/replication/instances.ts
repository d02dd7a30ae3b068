import type { Observer } from '../ports/observer.ts';
import type { MirrorHeaders } from '../ports/peer.ts';

/** Data directories of one region that are remembered: more never send by turns for long. */
const DIRECTORIES_MAX = 16;
/** So often one may come back after another before both are taken to be in use. */
const RETURNS_MAX = 2;

/**
 * Looks at what every batch says of its sender (SPEC §3.2): regions that disagree on the policy notice at once, and two processes
 * that both think they are one region are told apart by the random ids of their data directories.
 */
export class Instances {
  readonly #options: { readonly policyHash: string; readonly exclusive: boolean; readonly observe: Observer };
  readonly #policies = new Map<string, string>();
  /** By region: its data directories, the newest last, and how often one has come back. */
  readonly #seen = new Map<string, { readonly last: readonly string[]; readonly returns: number }>();

  constructor(options: { readonly policyHash: string; readonly exclusive: boolean; readonly observe: Observer }) {
    this.#options = options;
  }

  /** Why this batch is not taken, or `undefined`. */
  look(region: string, { policy, instance }: Partial<MirrorHeaders>): string | undefined {
    return this.#lookAtInstance(region, instance) ?? this.#lookAtPolicy(region, policy);
  }

  #lookAtPolicy(region: string, policy: string | undefined): string | undefined {
    const { policyHash, exclusive, observe } = this.#options;
    if (policy === undefined || policy === policyHash) {
      this.#policies.delete(region);
      return undefined;
    }
    if (this.#policies.get(region) !== policy) {
      this.#policies.set(region, policy);
      observe({ kind: 'alarm', alarm: 'policy-differs', region, message: `${region} has another policy (weights, keys or threshold) than this region` });
    }
    return exclusive ? 'another policy than this region has, and exclusive is set' : undefined;
  }

  /** A data directory that comes back after another one has come, twice: both are in use. Once may be a message that was long on its way. */
  #lookAtInstance(region: string, instance: string | undefined): string | undefined {
    const directory = instance?.split('-')[0];
    if (directory === undefined) return undefined;
    const { last, returns } = this.#seen.get(region) ?? { last: [], returns: 0 };
    if (last.at(-1) === directory) return returns >= RETURNS_MAX ? TWO_INSTANCES : undefined;
    const now = {
      last: [...last.filter((each) => each !== directory), directory].slice(-DIRECTORIES_MAX),
      returns: returns + (last.includes(directory) ? 1 : 0),
    };
    this.#seen.set(region, now);
    if (now.returns === RETURNS_MAX && returns < RETURNS_MAX) {
      const message = `Two instances of ${region} send by turns, from the data directories ${now.last.join(' and ')}: none is taken until this region is restarted`;
      this.#options.observe({ kind: 'alarm', alarm: 'two-instances', region, message });
    }
    return now.returns >= RETURNS_MAX ? TWO_INSTANCES : undefined;
  }
}

const TWO_INSTANCES = 'two instances of this region send by turns';
