import type { SyncEvent } from '../../ports/observer.ts';
import { unreachable } from '../../std/assert.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** One line: a constant text with the event's facts in it, and the facts again as fields. */
export interface LogLine {
  readonly level: Level;
  readonly msg: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  /** Lines that come once per receipt are thinned out under load. */
  readonly perReceipt: boolean;
}

/** The lines of an event, in the source's words (CONTRACT §5). */
export function logLines(event: SyncEvent): readonly LogLine[] {
  const { kind, ...fields } = event;
  const say = (level: Level, msg: string): LogLine => ({ level, msg, fields: { event: kind, ...fields }, perReceipt: 'receiptId' in event });
  switch (event.kind) {
    case 'ready':
      return [say('info', 'Multi-region receipt sync ready')];
    case 'accepted':
      return [say('info', `Starting receipt sync for ${event.receiptId} to ${event.remotes} regions (quorum: ${event.threshold})`)];
    case 'delivered':
      return [
        say('info', `Receipt ${event.receiptId} successfully synced to region: ${event.region}${event.attempt > 1 ? ` on attempt ${event.attempt}` : ''}`),
      ];
    case 'retrying':
      return [
        say(
          'warn',
          `Retrying receipt ${event.receiptId} sync to ${event.region} (attempt ${event.attempt}/${event.retriesMax}, backoff: ${event.backoffMs}ms)`,
        ),
      ];
    case 'gave-up':
      return [...gaveUpLines(event, say), say('error', `Failed to sync receipt ${event.receiptId} to region ${event.region}: ${event.message}`)];
    case 'refused':
      return [
        say('warn', `Non-retryable error syncing receipt ${event.receiptId} to ${event.region}: ${event.message}`),
        say('error', `Failed to sync receipt ${event.receiptId} to region ${event.region}: ${event.message}`),
      ];
    case 'quorum':
      return [say('debug', `Receipt ${event.receiptId} reached its quorum (weight: ${event.weight}/${event.threshold})`)];
    case 'settled':
      return settledLines(event, say);
    case 'verified':
      return [say('info', `Quorum verification for receipt ${event.receiptId}: ${event.confirmed}/${event.total} confirmed`)];
    case 'conflict':
      if (event.from !== 'mirror') return [say('warn', `Conflict: a second content for receipt ${event.receiptId} was refused (from: ${event.from})`)];
      return [say('warn', `Conflict: a second content for receipt ${event.receiptId} in the log of ${event.region} was refused (entry: ${event.index})`)];
    case 'region-available':
      return [say('info', `Region ${event.region} marked as available (failure_count reset to 0)`)];
    case 'region-unavailable':
      return [say('warn', `Region ${event.region} marked as unavailable (failure_count: ${event.failureCount})`)];
    case 'circuit':
      return [say('debug', `Circuit to ${event.region}: ${event.state}`)];
    case 'store-failed':
      return [say('error', `Store failed, this region acknowledges nothing${event.untilRestart ? ' until it is restarted' : ''}: ${event.message}`)];
    case 'store-recovered':
      return [say('info', 'Store takes writes again')];
    case 'alarm':
      return [say('error', `Alarm ${event.alarm} for region ${event.region}: ${event.message}`)];
    case 'alarm-ended':
      return [say('info', `Alarm ${event.alarm} for region ${event.region} has ended${event.reason === '' ? '' : `: acknowledged: ${event.reason}`}`)];
    case 'resync':
      return [say('warn', `${event.dropped} events were dropped for a slow reader`)];
    case 'draining':
      return [say('info', 'Draining: no new receipts are taken')];
    default:
      return unreachable(event);
  }
}

type Say = (level: Level, msg: string) => LogLine;

function gaveUpLines(event: SyncEvent & { readonly kind: 'gave-up' }, say: Say): readonly LogLine[] {
  if (event.reason === 'exhausted') return [say('warn', `Max retries (${event.retriesMax}) exhausted for receipt ${event.receiptId} to ${event.region}`)];
  if (event.reason === 'not-retryable') return [say('warn', `Non-retryable error syncing receipt ${event.receiptId} to ${event.region}: ${event.message}`)];
  return [];
}

function settledLines(event: SyncEvent & { readonly kind: 'settled' }, say: Say): readonly LogLine[] {
  const { receiptId, synced, total, quorum } = event;
  const result = say('info', `Receipt ${receiptId} sync result: ${synced}/${total} regions synced, quorum=${quorum}`);
  return quorum ? [result] : [result, say('error', `Quorum consensus failed for receipt ${receiptId}: ${synced}/${total} regions confirmed`)];
}
