import type { Edge, FullTile } from '../tlog/edge.ts';
import type { AlarmRecord } from './alarm.ts';
import type { RefusedRange } from './log-text.ts';

/** A log of this store, by number. Mirrored logs (SPEC §3.2) get numbers from 3 on. */
export type LogNumber = number;

/** The region's own log: what it replicates to the others. */
export const OWN_LOG: LogNumber = 1;
/** Receipts taken by the plain protocol: served, never sent on (SPEC §3.1). */
export const RECEIVED_LOG: LogNumber = 2;

/** Consecutive entries of one log: one row of the store, laid out as they will be sent (`log/group.ts`). */
export interface Group {
  readonly log: LogNumber;
  /** Index of the first entry. */
  readonly start: number;
  /** 1..8,192. */
  readonly count: number;
  /** `count × ( lp16 entry | lp16 C | salt[16] )`, at most 4 MiB. */
  readonly frame: Uint8Array;
}

/** A group to be written; its digests feed the index of first digests. */
export interface NewGroup extends Group {
  /** `count × digest[32]`, in entry order; zeroes where an entry has no receipt. */
  readonly digests: Uint8Array;
  /** Entries, by their place in the group, whose id had another content first (SPEC §4): stored, and not what `find` knows of the id. */
  readonly refused: readonly number[];
  /** Entries, by their place, with a receipt that this log holds already: one more place of it. */
  readonly again: readonly number[];
}

/** How a log's tree has grown by the groups of the same turn. */
export interface TreeGrowth {
  readonly log: LogNumber;
  /** Leaves now. */
  readonly size: number;
  readonly root: Uint8Array;
  /** Those that became full by it. */
  readonly tiles: readonly FullTile[];
}

/** A text that this region has cosigned, of a log that it mirrors: asked again it gives the same signature (SPEC §3.2). */
export interface CosignedText {
  readonly log: LogNumber;
  readonly size: number;
  /** SHA-256 of the text in hex. */
  readonly hash: string;
  /** The signature's time, unix s. */
  readonly atS: number;
  /** The text with its origin's signature. */
  readonly note: string;
}

/** Entries that somebody refuses: this region those of a mirrored log, a remote those of the own one. */
export interface Refusal extends RefusedRange {
  readonly log: LogNumber;
}

/** The newest checkpoint of a log whose signatures reach the threshold. */
export interface KeptNote {
  readonly log: LogNumber;
  readonly size: number;
  readonly note: string;
}

/** A certified text that is kept beside the newest, because later ones do not certify all that it does (SPEC §4). */
export interface KeptText extends KeptNote {
  /** 0, −1, −2, …: until later ones certify as much, replaced then. From 1 on: for ever. */
  readonly slot: number;
}

/** The largest checkpoint of the own log that a remote has cosigned: a remote that later holds less has forgotten (SPEC §2.1). */
export interface RemoteCosigned {
  readonly region: string;
  readonly size: number;
  /** With that cosignature. */
  readonly note: string;
}

/** What a plain remote is owed begins here: every entry of the own log below was answered (SPEC §3.1). */
export interface RemoteOffset {
  readonly region: string;
  readonly offset: number;
}

/** A receipt that a remote has refused for good: recorded with its reason, not counted, not in the way. */
export interface ParkedReceipt {
  readonly region: string;
  /** Index in the own log. */
  readonly index: number;
  readonly status: number;
  readonly code: 'REFUSED' | 'CONFLICT';
  readonly message: string;
  readonly atMs: number;
}

/** One turn's writes. The store makes all of them durable in one transaction, or none. */
export interface Changes {
  /** In commit order; each starts at its log's size. */
  readonly groups: readonly NewGroup[];
  readonly trees: readonly TreeGrowth[];
  /** Logs that are mirrored from now on. */
  readonly mirrored: readonly { readonly log: LogNumber; readonly origin: string }[];
  readonly texts: readonly CosignedText[];
  readonly refusals: readonly Refusal[];
  /** Own entries between refused ones, that lines name since they were joined (SPEC §4). */
  readonly joined: readonly RefusedRange[];
  readonly notes: readonly KeptNote[];
  readonly kept: readonly KeptText[];
  readonly cosigned: readonly RemoteCosigned[];
  readonly offsets: readonly RemoteOffset[];
  readonly parked: readonly ParkedReceipt[];
  /** Why this region has found out that it has signed more than it remembers: from now on it signs nothing (SPEC §2.1). */
  readonly forgot: readonly string[];
  /** Alarms that were raised or acknowledged; those of the same id are replaced. */
  readonly alarms: readonly AlarmRecord[];
}

/** A turn that writes nothing. */
export const NO_CHANGES: Changes = {
  groups: [],
  trees: [],
  mirrored: [],
  texts: [],
  refusals: [],
  joined: [],
  notes: [],
  kept: [],
  cosigned: [],
  offsets: [],
  parked: [],
  forgot: [],
  alarms: [],
};

/** Texts of one log that are kept to be signed again (SPEC §3.2). */
export const TEXTS_KEPT = 64;

/** What a store knows of one log when it is opened. */
export interface RecoveredLog {
  readonly size: number;
  /** The last entry's `recorded_at`, 0n where empty. */
  readonly lastRecordedAt: bigint;
  /** The origin line of a mirrored log; `undefined` of the own and the received log. */
  readonly origin: string | undefined;
  /** Rebuilt from entries and tiles, and checked against the stored root; `undefined` of a log without a tree. */
  readonly edge: Edge | undefined;
  /** The newest ones, oldest first. */
  readonly texts: readonly CosignedText[];
  /** Entries without a receipt: evidence, and what this version does not know. */
  readonly others: number;
  readonly refused: readonly RefusedRange[];
  /** Of the own log: what lines name beside that. */
  readonly joined: readonly RefusedRange[];
  readonly certified: KeptNote | undefined;
  /** By slot. */
  readonly kept: readonly KeptText[];
}

/** Where a receipt stands in one log. */
export interface Place {
  readonly log: LogNumber;
  readonly index: number;
}

/** A content that another one came first for, where it stands all the same. */
export interface RefusedEntry extends Place {
  readonly digest: Uint8Array;
}

/** What the store remembers of an id: the first digest, and every place that holds it, by log, then by index. */
export interface KnownReceipt {
  readonly digest: Uint8Array;
  readonly places: readonly Place[];
}

/** Both in one transaction. */
export function together(changes: Changes, more: Partial<Changes>): Changes {
  return {
    groups: changes.groups.concat(more.groups ?? []),
    trees: changes.trees.concat(more.trees ?? []),
    mirrored: changes.mirrored.concat(more.mirrored ?? []),
    texts: changes.texts.concat(more.texts ?? []),
    refusals: changes.refusals.concat(more.refusals ?? []),
    joined: changes.joined.concat(more.joined ?? []),
    notes: changes.notes.concat(more.notes ?? []),
    kept: changes.kept.concat(more.kept ?? []),
    cosigned: changes.cosigned.concat(more.cosigned ?? []),
    offsets: changes.offsets.concat(more.offsets ?? []),
    parked: changes.parked.concat(more.parked ?? []),
    forgot: changes.forgot.concat(more.forgot ?? []),
    alarms: changes.alarms.concat(more.alarms ?? []),
  };
}
