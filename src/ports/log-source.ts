import type { TileName } from '../tlog/tile.ts';

/** A log as somebody serves it (C2SP tlog-tiles): nothing that comes from here is trusted. */
export interface LogSource {
  /** For people: an address or a folder. */
  readonly name: string;
  /** The newest checkpoint, a note. Rejects with UNAVAILABLE where nobody can be reached, NOT_FOUND where there is none. */
  checkpoint(): Promise<Uint8Array>;
  /** A tile or entry bundle, or `undefined` where there is none that can be read. Rejects with UNAVAILABLE where nobody can be reached. */
  resource(name: TileName): Promise<Uint8Array | undefined>;
}
