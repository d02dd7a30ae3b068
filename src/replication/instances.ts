import type { MirrorHeaders } from '../ports/peer.ts';
import { type Alarms, PLAIN_ALARM } from './alarms.ts';

/** Data directories of one region that are remembered: more never send by turns for long. */
const DIRECTORIES_MAX = 16;
/** So often one may come back after another before both are taken to be in use. */
const RETURNS_MAX = 2;

export interface InstancesOptions {
  readonly policyHash: string;
  /** Do regions with another policy not count (`sync.exclusive`)? */
  readonly exclusive: boolean;
  readonly alarms: Alarms;
}

/**
 * Looks at what every batch says of its sender (SPEC §3.2): regions that disagree on the policy notice at once, and two processes
 * that both think they are one region are told apart by the random ids of their data directories. Anybody can write a header beside a
 * checkpoint that anybody can read: only a batch that brings receipts, which nobody else has the salts of, speaks for its directory.
 */
export class Instances {
  readonly #options: InstancesOptions;
  readonly #policies = new Map<string, string>();
  /** By region: its data directories, the newest last, and how often one has come back. */
  readonly #seen = new Map<string, { readonly last: readonly string[]; readonly returns: number }>();

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  /** Why this batch is not taken, or `undefined`. */
  look(region: string, { policy }: Partial<MirrorHeaders>): string | undefined {
    return this.#options.alarms.stands('two-instances', region) ? TWO_INSTANCES : this.#lookAtPolicy(region, policy);
  }

  /**
   * A batch with receipts that were new here was taken. A data directory that comes back after another one has come, twice: both are
   * in use. Once may be a message that was long on its way. From then on nothing is taken before an operator has spoken, over restarts
   * too; then they are counted afresh.
   */
  broughtBy(region: string, { instance }: Partial<MirrorHeaders>): void {
    const directory = instance?.split('-')[0];
    const { last, returns } = this.#seen.get(region) ?? { last: [], returns: 0 };
    if (directory === undefined || last.at(-1) === directory) return;
    const now = {
      last: [...last.filter((each) => each !== directory), directory].slice(-DIRECTORIES_MAX),
      returns: returns + (last.includes(directory) ? 1 : 0),
    };
    this.#seen.set(region, now);
    if (now.returns < RETURNS_MAX) return;
    this.#seen.delete(region);
    const message = `Two instances of ${region} send by turns, from the data directories ${now.last.join(' and ')}: none is taken or counted until this is acknowledged`;
    // It stands from now on; that it is not durable yet lets nobody in.
    void this.#options.alarms.raise({ ...PLAIN_ALARM, alarm: 'two-instances', region, message });
  }

  #lookAtPolicy(region: string, policy: string | undefined): string | undefined {
    const { policyHash, exclusive, alarms } = this.#options;
    if (policy === undefined || policy === policyHash) {
      this.#policies.delete(region);
      return undefined;
    }
    if (this.#policies.get(region) !== policy) {
      this.#policies.set(region, policy);
      const message = `${region} has another policy (weights, keys or threshold) than this region`;
      // Nothing waits for it: what is exclusive does not rest on the alarm.
      void alarms.raise({ ...PLAIN_ALARM, alarm: 'policy-differs', region, message, subject: policy });
    }
    return exclusive ? 'another policy than this region has, and exclusive is set' : undefined;
  }
}

const TWO_INSTANCES = 'two instances of this region send by turns';
