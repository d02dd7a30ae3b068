import { readFileSync } from 'node:fs';
import { type Edit, editOf } from '../edits/edit.ts';

/** A bug that is put into the source on purpose, to see whether the simulator finds it. No switch of it is in `src/`. */
export interface Plant {
  readonly name: string;
  /** What goes wrong by it, and for whom. */
  readonly teaches: string;
  /** The file it is put into: `src/…`. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The seeds that must find it: without a word those within the stated faults, `beyond` those that exceed them, `liar` those where one region's keys lie. */
  readonly by?: 'beyond' | 'liar';
}

/** The edit that puts it in. Throws where the file has moved on from under it. */
export function planted(plant: Plant): Edit {
  return editOf(readFileSync(new URL(`../../${plant.file}`, import.meta.url), 'utf8'), plant);
}
