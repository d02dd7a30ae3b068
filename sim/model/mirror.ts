import type { Planted } from './rules.ts';
import { type Content, type Copy, type Log, type Region, type RegionState, withCopy, withDigits, withOne } from './state.ts';
import { isNamed, logOf } from './text.ts';

/** What a region answers to a batch (SPEC §3.2); 409 and 422 change nothing anywhere, and are `nothing`. */
export type Answer = { readonly kind: 'cosigned' } | { readonly kind: 'refuses'; readonly indices: string } | { readonly kind: 'nothing' };

/** A batch on its way: what its checkpoint says. Where it starts matters only for whether the mirror can use it, and a repeat finds out. */
export interface Batch {
  /** The region that it is sent to. */
  readonly to: Region;
  readonly origin: Region;
  readonly text: string;
}

/** One turn: what is durable after it, and the answer that then leaves. */
export interface Turn {
  readonly after: RegionState;
  readonly answer: Answer;
}

/**
 * SPEC §3.2 (b), (d), (e) and the answer: what `decideBatch` decides. The region's own log comes here too, to be cosigned under the same
 * rule; it grows by its application alone.
 */
export function takeBatch(before: RegionState, batch: Batch, planted?: Planted): Turn {
  const { to, origin, text } = batch;
  const copy = before.copies[origin];
  const log = logOf(text);
  const brought = log.length - copy.log.length;
  if (brought > 0 && !log.startsWith(copy.log)) return { after: before, answer: NOTHING };
  const after = brought > 0 ? grown(before, batch, planted) : before;
  // The cosignature of before on exactly this text.
  if (brought <= 0 && copy.texts.includes(text)) return { after, answer: COSIGNED };
  if (brought < 0 && !(planted === 'cosigning a smaller size' && origin !== to && copy.log.startsWith(log))) return { after, answer: NOTHING };
  // Another root at this size: a fork.
  if (brought === 0 && copy.log !== log) return { after, answer: NOTHING };
  const from = planted === "refused lines only for this batch's entries" ? copy.log.length : 0;
  return answered(after, batch, { from, planted });
}

/** Never both, never neither: the names of all that is refused and not named, or the cosignature. */
function answered(region: RegionState, { to, origin, text }: Batch, { from, planted }: { readonly from: number; readonly planted: Planted | undefined }): Turn {
  const copy = region.copies[origin];
  const size = logOf(text).length;
  const indices = [...copy.refused].filter((index) => Number(index) >= from && Number(index) < size && !isNamed(text, to, Number(index))).join('');
  if (indices === '') return { after: withCopy(region, origin, { ...copy, texts: withOne(copy.texts, text) }), answer: COSIGNED };
  if (planted !== 'cosigning without the line') return { after: region, answer: { kind: 'refuses', indices } };
  // Both at once: that is the plant. What it says beside is taken as said.
  const both = { ...copy, texts: withOne(copy.texts, text), said: withDigits(copy.said, indices) };
  return { after: withCopy(region, origin, both), answer: COSIGNED };
}

/** Appends what is new, in index order: the first content of the id wins, the other one is stored and refused (SPEC §4). */
function grown(region: RegionState, { origin, text }: Batch, planted: Planted | undefined): RegionState {
  const log = logOf(text);
  const copy = region.copies[origin];
  // The plant rests on what it looked up, whatever has been decided since.
  const isStale = planted === 'first content looked up outside the turn' && region.looked.includes(String(origin));
  let known: Content = isStale ? '' : region.first;
  let refused = copy.refused;
  for (let index = copy.log.length; index < log.length; index += 1) {
    const content = contentAt(log, index);
    if (content === '') continue;
    if (known === '') known = content;
    else if (known !== content) refused += index;
  }
  const first = region.first === '' ? known : region.first;
  return withCopy({ ...region, first, looked: region.looked.replace(String(origin), '') }, origin, { ...copy, log, refused });
}

/** The content of the id that stands there, or `''`. */
export function contentAt(log: Log, index: number): Content {
  const entry = log.charAt(index);
  return entry === '1' || entry === '2' ? entry : '';
}

/** The answer has left: from now on the world may know it. */
export function left({ after, answer }: Turn, { origin, text }: Omit<Batch, 'to'>): RegionState {
  const copy = after.copies[origin];
  return withCopy(after, origin, toldIn(copy, answer, text));
}

function toldIn(copy: Copy, answer: Answer, text: string): Copy {
  switch (answer.kind) {
    case 'cosigned':
      return { ...copy, answered: withOne(copy.answered, text) };
    case 'refuses':
      return { ...copy, said: withDigits(copy.said, answer.indices) };
    case 'nothing':
      return copy;
  }
}

const COSIGNED: Answer = { kind: 'cosigned' };
const NOTHING: Answer = { kind: 'nothing' };
