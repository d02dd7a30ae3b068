import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { receiptFromJson } from '../../src/receipt/wire.ts';

const FOLDER = fileURLToPath(new URL('../vectors/tlog', import.meta.url));

/** A file of the vectors that other people's code has made (test/vectors/tlog/README.md). */
export function vector(...path: readonly string[]): Buffer {
  return readFileSync(join(FOLDER, ...path));
}

/** The same as text. */
export function vectorText(...path: readonly string[]): string {
  return vector(...path).toString('utf8');
}

/** All files below a folder, by their path from there. */
export function vectorFiles(...path: readonly string[]): readonly string[] {
  const folder = join(FOLDER, ...path);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(folder.length + 1));
}

/** One of the RFC 6962 cases of transparency-dev/merkle. */
export interface ProofCase {
  readonly case: string;
  readonly wantErr: boolean;
  readonly numbers: Readonly<Record<string, bigint>>;
  readonly hashes: Readonly<Record<string, Uint8Array>>;
  readonly proof: readonly Uint8Array[];
}

/** Reads the cases with their sizes as they are, some of them beyond 2^53. */
export function proofCases(file: string): readonly ProofCase[] {
  const cases: unknown = JSON.parse(vectorText(file), (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? BigInt(context?.source ?? value) : value,
  );
  if (!Array.isArray(cases)) throw new TypeError(`${file} is no array`);
  return cases.map((fields: Readonly<Record<string, unknown>>) => ({
    case: String(fields['case']),
    wantErr: fields['wantErr'] === true,
    numbers: Object.fromEntries(Object.entries(fields).filter((field): field is [string, bigint] => typeof field[1] === 'bigint')),
    hashes: Object.fromEntries(Object.entries(fields).flatMap(([key, value]) => (typeof value === 'string' ? [[key, Buffer.from(value, 'base64')]] : []))),
    proof: Array.isArray(fields['proof']) ? fields['proof'].map((hash) => Buffer.from(String(hash), 'base64')) : [],
  }));
}

/** The logs and the sample that have a certificate. */
export const SAMPLES = ['log-1/sample', 'log-256/sample', 'log-257/sample', 'log-600/sample', 'sample-70000'] as const;

/** A sample's receipt, its certificate, and the policy to verify it by. */
export function sample(name: (typeof SAMPLES)[number]): { readonly receipt: Receipt; readonly certificate: string; readonly policy: string } {
  const policy = name === 'sample-70000' ? vectorText(name, 'policy') : vectorText(name, '..', 'policy');
  return { receipt: receiptFromJson(vectorText(name, 'receipt.json')), certificate: vectorText(name, 'receipt.tlog-proof'), policy };
}
