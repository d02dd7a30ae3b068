import { RottenError } from '../errors.ts';
import type { Group } from '../log/changes.ts';
import { GROUP_BYTES_MAX, GROUP_ENTRIES_MAX, wholeItems } from '../log/group.ts';
import { readItem } from '../log/stored-item.ts';
import { type LogStore, OWN_LOG } from '../ports/log-store.ts';
import { concatBytes } from '../std/bytes.ts';
import { leafHash } from '../tlog/hash.ts';
import type { LogReader } from './log-reader.ts';

/** Frames of recent groups kept in memory for the links: those just committed are sent without being read back. */
const RECENT_BYTES_MAX: number = 4 * 1024 * 1024;

/** Consecutive entries as one batch takes them: whole groups. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly frame: Uint8Array;
}

/** The own log's groups for the mirrors: the newest from memory, older ones from the store. */
export class OwnGroups {
  readonly #store: LogStore;
  /** Consecutive, oldest first. */
  #recent: Group[] = [];
  #bytes = 0;

  constructor(store: LogStore) {
    this.#store = store;
  }

  /** Keeps what was just committed. */
  append(group: Group): void {
    this.#recent.push(group);
    this.#bytes += group.frame.length;
    let dropped = 0;
    while (this.#bytes > RECENT_BYTES_MAX && dropped < this.#recent.length - 1) {
      this.#bytes -= this.#recent[dropped]?.frame.length ?? 0;
      dropped += 1;
    }
    if (dropped > 0) this.#recent = this.#recent.slice(dropped);
  }

  /** As many whole groups from `start` to at most `limit` as one batch takes, if they are in memory. */
  recent(start: number, limit: number): Stretch | undefined {
    // From the end: what is asked for is nearly always the newest.
    let at = this.#recent.length;
    while (at > 0 && (this.#recent[at - 1]?.start ?? 0) >= start) at -= 1;
    if (this.#recent[at]?.start !== start) return undefined;
    return stretchOf(this.#recent.slice(at, at + GROUP_ENTRIES_MAX), limit);
  }

  /** The same from the store. Where `start` is no boundary, it begins at the one before: a mirror knows what overlaps. */
  async stored(start: number, limit: number): Promise<Stretch | undefined> {
    return stretchOf(await this.#store.entries(OWN_LOG, start, GROUP_BYTES_MAX), limit);
  }
}

/** Is every entry what the tree says, and every receipt what its entry commits to? Rejects with RottenError. */
export async function checkStretch({ start, end, frame }: Stretch, reader: LogReader): Promise<void> {
  const items = wholeItems({ frame, count: end - start });
  for (const [n, item] of (items ?? []).entries()) {
    const read = readItem(item);
    if (read.kind === 'unsound') throw new RottenError(`Entry ${start + n} of the own log is ${read.problem}`);
    await reader.checkLeaf(start + n, leafHash(item.entry));
  }
  if (items === undefined) throw new RottenError(`The entries of the own log from ${start} on are not whole`);
}

function stretchOf(groups: readonly Group[], limit: number): Stretch | undefined {
  const taken: Group[] = [];
  let entries = 0;
  let bytes = 0;
  for (const group of groups) {
    entries += group.count;
    bytes += group.frame.length;
    const isTooMuch = entries > GROUP_ENTRIES_MAX || bytes > GROUP_BYTES_MAX || group.start + group.count > limit;
    if (taken.length > 0 && isTooMuch) break;
    taken.push(group);
  }
  const [first] = taken;
  const last = taken.at(-1);
  if (first === undefined || last === undefined) return undefined;
  return { start: first.start, end: last.start + last.count, frame: taken.length === 1 ? first.frame : concatBytes(taken.map(({ frame }) => frame)) };
}
