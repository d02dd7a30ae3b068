/** Everything that an operator is told of by an alarm. */
export const ALARM_KINDS = [
  /** This region remembers less than it has signed (SPEC §2.1). */
  'forgot',
  /** A remote holds less of our log than it has cosigned. */
  'remote-forgot',
  /** A link waits for an operator: 401, 403, 404, a wrong identity. */
  'link-paused',
  /** A log's key has signed two histories: the evidence proves it. */
  'fork',
  /** An origin shows its log shorter than it once signed it. */
  'rollback',
  /** A batch does not lead to the root that its origin has signed: a statement that no history is known for. */
  'log-differs',
  /** Two processes that both think they are one region (SPEC §3.2). */
  'two-instances',
  /** A region has another policy than this one. */
  'policy-differs',
  /** What was said to be certified is not. */
  'bad-certified-checkpoint',
  /** Two contents under one id (SPEC §4). */
  'conflict',
  /** A stored copy is not what it was committed to. */
  'rotten',
] as const;
export type AlarmKind = (typeof ALARM_KINDS)[number];

/** These are conditions that end by themselves; every other alarm stays, over restarts too, until an operator has acknowledged it with a reason. */
const PASSING: ReadonlySet<AlarmKind> = new Set<AlarmKind>(['forgot', 'remote-forgot', 'link-paused']);

/** Does it stay until somebody acknowledges it? */
export function staysUntilAcknowledged(alarm: AlarmKind): boolean {
  return !PASSING.has(alarm);
}

/** What an alarm says when it is raised. */
export interface RaisedAlarm {
  readonly alarm: AlarmKind;
  /** Whom it is about. */
  readonly region: string;
  readonly message: string;
  /** What exactly it is about: once acknowledged, the same is not raised again. Empty: any next one is. */
  readonly subject: string;
  /** The signed checkpoints that it is about, as notes. */
  readonly notes: readonly string[];
  /** SHA-256 in hex of the evidence, which lies in `evidence/<it>.json`. */
  readonly evidence: string | undefined;
}

/** What an operator had to say to it. */
export interface Acknowledgement {
  readonly atMs: number;
  /** 1..1,000 characters. */
  readonly reason: string;
}

/** An alarm as the store keeps it. */
export interface AlarmRecord extends RaisedAlarm {
  /** From 1, in the order in which they were raised. */
  readonly id: number;
  readonly raisedAtMs: number;
  readonly acknowledged: Acknowledgement | undefined;
}

/** Acknowledged alarms that the record keeps. */
export const ALARMS_KEPT = 1_000;
