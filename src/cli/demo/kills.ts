import { durationMs } from '../../std/duration.ts';
import { CommandFailure, EXIT } from '../exit.ts';

const RESTART_AFTER_DEFAULT = '3s';

/** `REGION@2s[+3s]`: SIGKILL so long after the first receipt, restart so long after that. */
export interface KillPlan {
  readonly region: string;
  readonly atMs: number;
  readonly restartAfterMs: number;
}

/** What became of one kill. */
export interface KillReport {
  readonly region: string;
  /** Receipts that reached their quorum while the region was down. */
  readonly acceptedWhileDown: number;
  /** What the region was owed when it came back. */
  readonly owedAtReturn: number;
  /** At the end, does it hold every receipt? Asked of itself, id by id. */
  readonly complete: boolean;
}

export function parseKill(text: string, regions: readonly string[]): KillPlan {
  const [, region = '', at, restart = RESTART_AFTER_DEFAULT] = /^([^@]+)@([0-9]+[a-z]+)(?:\+([0-9]+[a-z]+))?$/.exec(text) ?? [];
  const atMs = durationMs(at);
  const restartAfterMs = durationMs(restart);
  if (atMs === undefined || restartAfterMs === undefined) throw new CommandFailure(EXIT.usage, `--kill ${text} must be REGION@2s or REGION@2s+3s`);
  if (!regions.includes(region)) throw new CommandFailure(EXIT.usage, `--kill ${text}: the regions are ${regions.join(', ')}`);
  return { region, atMs, restartAfterMs };
}
