import { InvalidQueryError, ReceiptSyncError, StoreFailedError } from '../errors.ts';
import { type Acknowledgement, ALARMS_KEPT, type AlarmKind, type AlarmRecord, type RaisedAlarm, staysUntilAcknowledged } from '../log/alarm.ts';
import type { Clock } from '../ports/clock.ts';
import type { Changes, Recovered } from '../ports/log-store.ts';
import type { Observer, SyncEvent } from '../ports/observer.ts';

/** An alarm that could not be made durable (disk full, say) is tried again this often. */
const SAVE_AGAIN_MS = 5_000;
/** Characters of a reason. */
const REASON_MAX = 1_000;

/** Something that an operator must look at, or has looked at. */
export interface Alarm extends Omit<RaisedAlarm, 'subject'> {
  /** What `acknowledge` takes; of an alarm that ends by itself its kind and region. */
  readonly id: string;
  readonly raisedAtMs: number;
  readonly acknowledged: Acknowledgement | undefined;
}

/** Told of every alarm that is raised, over, or acknowledged. */
export type AlarmListener = (change: { readonly alarm: AlarmKind; readonly region: string; readonly stands: boolean }) => void;

/** Where there is nothing to show beside the message. */
export const PLAIN_ALARM: Pick<RaisedAlarm, 'subject' | 'notes' | 'evidence'> = { subject: '', notes: [], evidence: undefined };

export interface AlarmsOptions {
  readonly clock: Clock;
  readonly observe: Observer;
  /** Makes it durable; false: the store can not, now. */
  readonly record: (changes: Partial<Changes>) => Promise<boolean>;
}

/**
 * All that an operator is told of, and for how long. Conditions end by themselves; every other alarm is durable and stays until
 * somebody has said why it may go, and then it stays in the record. Of one kind and region there is one at a time: what is raised
 * again while it stands is the same alarm.
 */
export class Alarms {
  readonly #options: AlarmsOptions;
  readonly #kept: Map<number, AlarmRecord>;
  /** By kind and region. */
  readonly #passing = new Map<string, Alarm>();
  readonly #unsaved = new Set<number>();
  readonly #listeners: AlarmListener[] = [];
  #lastId: number;
  #cancelSave: (() => void) | undefined;
  #closed = false;

  constructor(options: AlarmsOptions, recovered: Pick<Recovered, 'alarms'>) {
    this.#options = options;
    this.#kept = new Map(recovered.alarms.map((record) => [record.id, record]));
    this.#lastId = Math.max(0, ...this.#kept.keys());
  }

  /** Those that stand: conditions first, then by age. */
  get standing(): readonly Alarm[] {
    return [...this.#passing.values(), ...[...this.#kept.values()].filter(({ acknowledged }) => acknowledged === undefined).map(shown)];
  }

  /** Every alarm that is remembered, the newest first. */
  get record(): readonly Alarm[] {
    return [...this.#passing.values(), ...[...this.#kept.values()].map(shown).reverse()];
  }

  stands(alarm: AlarmKind, region: string): boolean {
    return this.#passing.has(placeOf(alarm, region)) || this.#find(alarm, region) !== undefined;
  }

  /** How often such an alarm was raised, as far as the record goes. */
  countOf(alarm: AlarmKind, region: string): number {
    return [...this.#kept.values()].filter((record) => record.alarm === alarm && record.region === region).length;
  }

  /** Has an operator spoken on exactly this? */
  isSettled({ alarm, region, subject }: Pick<RaisedAlarm, 'alarm' | 'region' | 'subject'>): boolean {
    return (
      subject !== '' &&
      [...this.#kept.values()].some(
        (record) => record.alarm === alarm && record.region === region && record.subject === subject && record.acknowledged !== undefined,
      )
    );
  }

  /** Raises it unless it stands, or was acknowledged as exactly this. Resolves once it is durable, or the store has failed: it is tried again. */
  async raise(raised: RaisedAlarm): Promise<void> {
    const { alarm, region, message } = raised;
    if (this.stands(alarm, region) || this.isSettled(raised)) return;
    const raisedAtMs = this.#options.clock.wallMs();
    if (!staysUntilAcknowledged(alarm)) {
      const id = placeOf(alarm, region);
      const { subject: _, ...rest } = raised;
      this.#passing.set(id, { ...rest, id, raisedAtMs, acknowledged: undefined });
      this.#changed({ kind: 'alarm', id, alarm, region, message });
      return;
    }
    this.#lastId += 1;
    const record: AlarmRecord = { ...raised, id: this.#lastId, raisedAtMs, acknowledged: undefined };
    this.#keep(record);
    this.#unsaved.add(record.id);
    this.#changed({ kind: 'alarm', id: String(record.id), alarm, region, message });
    await this.#save();
  }

  /** A condition is over. */
  end(alarm: AlarmKind, region: string): void {
    const id = placeOf(alarm, region);
    if (this.#passing.delete(id)) this.#changed({ kind: 'alarm-ended', id, alarm, region, reason: '' });
  }

  /** For what has to do otherwise while an alarm stands. */
  onChange(listener: AlarmListener): void {
    this.#listeners.push(listener);
  }

  /**
   * An operator has looked. Throws NOT_FOUND (no such alarm, or none that waits for a word), INVALID_QUERY (no reason, or one of more
   * than 1,000 characters), StoreFailedError where it can't be made durable: then the alarm stands.
   */
  async acknowledge(id: string, reason: string): Promise<Alarm> {
    const record = /^[1-9]\d{0,14}$/.test(id) ? this.#kept.get(Number(id)) : undefined;
    if (this.#passing.has(id)) throw new ReceiptSyncError('NOT_FOUND', 'This alarm ends by itself, once its cause has');
    if (record === undefined || record.acknowledged !== undefined) throw new ReceiptSyncError('NOT_FOUND', 'No alarm of that id waits to be acknowledged');
    checkReason(reason);
    const done: AlarmRecord = { ...record, acknowledged: { atMs: this.#options.clock.wallMs(), reason } };
    if (!(await this.#options.record({ alarms: [done] }))) throw new StoreFailedError('The acknowledgement could not be stored', { untilRestart: false });
    this.#unsaved.delete(done.id);
    this.#keep(done);
    this.#changed({ kind: 'alarm-ended', id, alarm: done.alarm, region: done.region, reason });
    return shown(done);
  }

  close(): void {
    this.#closed = true;
    this.#cancelSave?.();
  }

  #changed(event: SyncEvent & { readonly kind: 'alarm' | 'alarm-ended' }): void {
    this.#options.observe(event);
    for (const listener of this.#listeners) listener({ alarm: event.alarm, region: event.region, stands: event.kind === 'alarm' });
  }

  #find(alarm: AlarmKind, region: string): AlarmRecord | undefined {
    for (const record of this.#kept.values()) if (record.alarm === alarm && record.region === region && record.acknowledged === undefined) return record;
    return undefined;
  }

  #keep(record: AlarmRecord): void {
    this.#kept.set(record.id, record);
    // As the store does: what is acknowledged and old is forgotten, what stands never.
    for (const { id, acknowledged } of this.#kept.values()) if (acknowledged !== undefined && id <= this.#lastId - ALARMS_KEPT) this.#kept.delete(id);
  }

  async #save(): Promise<void> {
    this.#cancelSave?.();
    const alarms = [...this.#unsaved].flatMap((id) => this.#kept.get(id) ?? []);
    if (alarms.length === 0 || this.#closed) return;
    if (await this.#options.record({ alarms })) for (const { id } of alarms) this.#unsaved.delete(id);
    else if (!this.#closed) this.#cancelSave = this.#options.clock.after(SAVE_AGAIN_MS, () => void this.#save());
  }
}

function shown({ subject: _, id, ...record }: AlarmRecord): Alarm {
  return { ...record, id: String(id) };
}

function placeOf(alarm: AlarmKind, region: string): string {
  return `${alarm}:${region}`;
}

function checkReason(reason: string): void {
  if (reason.trim() === '' || reason.length > REASON_MAX || !reason.isWellFormed())
    throw new InvalidQueryError('reason', `must have 1 to ${REASON_MAX} characters`);
}
