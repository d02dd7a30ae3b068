import type { Group } from '../log/changes.ts';

/** A group and its place in the order of arrival over all logs, from 1. */
export interface ArrivedGroup extends Group {
  readonly seq: number;
}

/** What a backup reads. Groups are never changed, so all up to some `seq` is the store as it was when that one was the last. */
export interface Arrivals {
  /** The last place there is; 0 of an empty store. */
  lastArrival(): Promise<number>;
  /** Groups after `seq` in order, at least one if there is any, then while their frames sum to ≤ `bytesMax`. */
  arrivals(afterSeq: number, bytesMax: number): Promise<readonly ArrivedGroup[]>;
}
