import { concatBytes, numbersIn, utf8Bytes, utf8Text } from '../std/bytes.ts';

/** Where an entry stands, for those who hold other logs: by origin line. */
export interface EntryPlace {
  /** `D/R/log/E`; empty of a receipt that came by the plain protocol and stands in no log that others know. */
  readonly origin: string;
  readonly index: number;
}

/** What an entry of kind 5 says: two entries have the same id and different contents, and the second one is refused here. */
export interface ConflictEvidence {
  readonly refused: EntryPlace;
  /** An entry with the content that came first. */
  readonly first: EntryPlace;
}

/** The body of a kind-5 entry: `lp16 origin line | u64 index` of the refused entry, then the same of the first one (SPEC §2). No digest, no id. */
export function conflictBody({ refused, first }: ConflictEvidence): Uint8Array {
  return concatBytes([...placeParts(refused), ...placeParts(first)]);
}

/** Reads such a body; `undefined` for anything else. */
export function parseConflictBody(body: Uint8Array): ConflictEvidence | undefined {
  const refused = readPlace(body, 0);
  const first = refused === undefined ? undefined : readPlace(body, refused.end);
  if (refused === undefined || first?.end !== body.length) return undefined;
  return { refused: refused.place, first: first.place };
}

function placeParts({ origin, index }: EntryPlace): readonly Uint8Array[] {
  const line = utf8Bytes(origin);
  const [length, place] = [new Uint8Array(2), new Uint8Array(8)];
  numbersIn(length).setUint16(0, line.length);
  numbersIn(place).setBigUint64(0, BigInt(index));
  return [length, line, place];
}

function readPlace(body: Uint8Array, at: number): { readonly place: EntryPlace; readonly end: number } | undefined {
  if (body.length < at + 2) return undefined;
  const lineEnd = at + 2 + numbersIn(body).getUint16(at);
  if (body.length < lineEnd + 8) return undefined;
  const origin = utf8Text(body.subarray(at + 2, lineEnd));
  const index = Number(numbersIn(body).getBigUint64(lineEnd));
  return origin === undefined || !Number.isSafeInteger(index) ? undefined : { place: { origin, index }, end: lineEnd + 8 };
}
