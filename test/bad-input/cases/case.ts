/** One bad body. */
export interface BodyCase {
  readonly category: string;
  readonly name: string;
  readonly body: Buffer;
  /** JSON where nothing is said. */
  readonly contentType?: string;
}

/** One exchange on a socket of its own, byte for byte. */
export interface RawCase {
  readonly category: string;
  readonly name: string;
  readonly raw: Buffer;
  /** Statuses that are clear answers to it; `closed`: the connection may end without one. */
  readonly want: readonly (number | 'closed')[];
  /** Said after `raw`, piece by piece, with a pause before each. */
  readonly later?: readonly { readonly afterMs: number; readonly bytes: Buffer }[];
}

/** A good receipt as JSON text; every bad case differs from one by what its name says. */
export function goodReceipt(id: string): Readonly<Record<string, string>> {
  return {
    receipt_id: JSON.stringify(id),
    transaction_id: '"tx-1"',
    hash: '"00ff10"',
    ticks: '4',
    span_id: '789',
    committed: 'true',
  };
}

/** Members as JSON text, values as they stand. */
export function objectText(members: readonly (readonly [string, string])[]): string {
  return `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`;
}

/** The good receipt with one value replaced. */
export function receiptWith(field: string, value: string, id = 'bad-input'): string {
  return objectText(Object.entries({ ...goodReceipt(id), [field]: value }));
}
