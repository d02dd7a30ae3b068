import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { CommandFailure, EXIT } from '../exit.ts';
import type { ImportItem } from './items.ts';

/** How far an import has come: everything up to this item was taken by the sidecar of this region. */
export interface ImportProgress {
  /** Its name as JSON, where that was written down. */
  readonly region: string | undefined;
  readonly number: number;
  /** SHA-256 of that item, in hex: another source is not mistaken for this one. */
  readonly digest: string;
}

/** What an earlier run has left; `undefined`: it begins. */
export function readProgress(path: string): ImportProgress | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new CommandFailure(EXIT.io, `Can't read ${path}`, { cause: error });
  }
  const [, number, digest, region] = /^\{"number":(\d{1,15}),"digest":"([0-9a-f]{64})"(?:,"region":("[^\n]*"))?\}\s*$/.exec(text) ?? [];
  if (number === undefined || digest === undefined) throw new CommandFailure(EXIT.badData, `${path} is no progress of an import: remove it to begin anew`);
  return { number: Number(number), digest, region };
}

/** Replaces the file as a whole. It may lag behind: what is sent twice is known there. */
export function writeProgress(path: string, last: ImportItem, region: string): void {
  const draft = `${path}.new`;
  try {
    writeFileSync(draft, `${JSON.stringify({ number: last.number, digest: digestOf(last.line), region })}\n`);
    renameSync(draft, path);
  } catch (error) {
    throw new CommandFailure(EXIT.io, `Can't write ${path}: name another place by --progress`, { cause: error });
  }
}

/** The import is through: the next one begins. */
export function removeProgress(path: string): void {
  rmSync(path, { force: true });
}

/** Was it that region which took what the progress speaks of? */
export function isOfRegion(progress: ImportProgress, region: string): boolean {
  return progress.region === undefined || progress.region === JSON.stringify(region);
}

/** Is this the item that the progress speaks of? */
export function isLast(progress: ImportProgress, item: ImportItem): boolean {
  return item.number === progress.number && digestOf(item.line) === progress.digest;
}

function digestOf(line: string): string {
  return createHash('sha256').update(line).digest('hex');
}
