import type { Observer } from '../ports/observer.ts';
import type { MirrorHeaders } from '../ports/peer.ts';

/** Instances of one region that are remembered: more never run by turns for long. */
const INSTANCES_MAX = 16;

/**
 * Looks at what every batch says of its sender (SPEC §3.2): regions that disagree on the policy notice at once, and two processes
 * that both think they are one region are told apart by the random ids of their data directories.
 */
export class Instances {
  readonly #options: { readonly policyHash: string; readonly exclusive: boolean; readonly observe: Observer };
  readonly #policies = new Map<string, string>();
  /** By region, the newest last. */
  readonly #seen = new Map<string, readonly string[]>();
  readonly #doubled = new Set<string>();

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

  /** An instance that comes back after another one has come: both are running. */
  #lookAtInstance(region: string, instance: string | undefined): string | undefined {
    if (instance === undefined) return undefined;
    const seen = this.#seen.get(region) ?? [];
    if (seen.at(-1) !== instance) {
      if (seen.includes(instance) && !this.#doubled.has(region)) {
        this.#doubled.add(region);
        const message = `Two instances of ${region} send by turns: ${instance} and ${seen.at(-1)}; none is taken until this region is restarted`;
        this.#options.observe({ kind: 'alarm', alarm: 'two-instances', region, message });
      }
      this.#seen.set(region, [...seen.filter((each) => each !== instance), instance].slice(-INSTANCES_MAX));
    }
    return this.#doubled.has(region) ? 'two instances of this region send by turns' : undefined;
  }
}
