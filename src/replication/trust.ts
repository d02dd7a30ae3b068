import type { Failure } from '../region/failure.ts';
import { type Alarms, PLAIN_ALARM } from './alarms.ts';
import { FORGOTTEN, TWO_INSTANCES } from './flight.ts';
import type { MirrorCalls } from './mirror-calls.ts';

export interface TrustOptions {
  readonly regionId: string;
  readonly alarms: Alarms;
  readonly calls: MirrorCalls;
}

/** May what a mirror has said be counted? Not if it has forgotten it (SPEC §2.1), nor while two instances of it are about (§3.2). */
export class Trust {
  readonly #options: TrustOptions;
  #forgotten = false;
  #distrusted = false;

  constructor(options: TrustOptions) {
    this.#options = options;
  }

  get isForgotten(): boolean {
    return this.#forgotten;
  }

  /** Nothing is sent to it before an operator has spoken. */
  get isDistrusted(): boolean {
    return this.#distrusted;
  }

  /** Why nothing that it has said counts, if that is so. */
  get uncounted(): Failure | undefined {
    return this.#forgotten ? FORGOTTEN : this.#distrusted ? TWO_INSTANCES : undefined;
  }

  distrust(isSo: boolean): void {
    this.#distrusted = isSo;
    if (isSo) this.#options.calls.endAll(TWO_INSTANCES);
  }

  /** A remote that holds less than it has cosigned has forgotten: nobody resumes from there. */
  judge(size: number, cosigned: number): void {
    const { regionId, alarms, calls } = this.#options;
    const before = this.#forgotten;
    this.#forgotten = size < cosigned;
    if (before && !this.#forgotten) alarms.end('remote-forgot', regionId);
    if (before || !this.#forgotten) return;
    const message = `${regionId} has cosigned ${cosigned} entries of our log and holds ${size}: it has forgotten, and is not counted`;
    // No await: a condition is not stored.
    void alarms.raise({ ...PLAIN_ALARM, alarm: 'remote-forgot', region: regionId, message });
    calls.endAll(FORGOTTEN);
  }
}
