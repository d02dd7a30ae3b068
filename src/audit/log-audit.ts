import { RottenError } from '../errors.ts';
import { isEntry, recordedAt } from '../log/entry.ts';
import { type LogText, parseLogText } from '../log/log-text.ts';
import type { LogSource } from '../ports/log-source.ts';
import { concatBytes, equalBytes } from '../std/bytes.ts';
import type { ChainedTiles } from '../tlog/chained-tiles.ts';
import { HASH_BYTES, leafHash } from '../tlog/hash.ts';
import { formatNote, type Note, parseNote } from '../tlog/note.ts';
import type { Policy } from '../tlog/policy.ts';
import { Prover } from '../tlog/prover.ts';
import { TILE_WIDTH, type TileName, tilePath, tileWidth } from '../tlog/tile.ts';
import { bundleStart, parseBundle } from './bundle.ts';
import { type Finding, Findings } from './finding.ts';
import { forkEvidence } from './fork.ts';
import { checkHistory, type History } from './history.ts';
import { inOrder } from './in-order.ts';
import { checkSignatures } from './signatures.ts';
import { anchor, chained, checkPartials, type TreeSource } from './tree.ts';

/** Entry bundles asked for before they are needed: enough to keep a line busy, 32 MiB at the very most. */
const BUNDLES_AHEAD = 8;

export interface LogAuditOptions {
  readonly policy: Policy;
  /** Does the policy name every key that may have signed? */
  readonly knowsAll: boolean;
  /** The last checkpoint of the log that an audit has seen, a note; asked for once the log's name is known. */
  readonly lastSeen: (origin: string) => Promise<string | undefined>;
  /** A mirror may be behind what was seen elsewhere; an origin never is. */
  readonly mayLag: boolean;
  readonly onFinding: (finding: Finding) => void;
  readonly onProgress: (entries: number, total: number) => void;
}

/** What an audit of one log says. */
export interface LogAudit {
  readonly origin: string;
  readonly size: number;
  /** Entries that lead to the signed root. */
  readonly verified: number;
  /** Regions that have signed the checkpoint, by the policy's names. */
  readonly signers: readonly string[];
  /** Do they reach the policy's quorum? An origin's newest checkpoint may still wait for that. */
  readonly certified: boolean;
  readonly history: History;
  /** The checkpoint as it came, and the last one that was seen. */
  readonly note: string;
  readonly seen: string | undefined;
  readonly findings: number;
  /** Where the log's key has signed both what was seen and this: the evidence, as a file that `verify` takes. */
  readonly fork: string | undefined;
  /** Signed by its log, led to by its tree, in line with what was seen: the next audit may rest on it, whatever else was found. */
  readonly isSound: boolean;
}

/**
 * Rebuilds a log from what is served of it: every entry hashes to its place in a tile, every tile to the one above, up to the root in the signed
 * checkpoint; no hash is believed that is not chained to that root. Memory is bounded whatever the size. Rejects with INVALID_EVIDENCE where
 * there is no checkpoint that can be read, UNAVAILABLE where nobody can be reached.
 */
export async function auditLog(source: LogSource, options: LogAuditOptions): Promise<LogAudit> {
  const findings = new Findings(options.onFinding);
  const note = parseNote(await source.checkpoint());
  const text = parseLogText(note.text);
  const signed = checkSignatures({ note, text }, { ...options, findings });
  const seen = await options.lastSeen(text.origin);
  const walk = new Walk(source, text, findings);
  const tiles = await walk.anchored();
  const verified = tiles === undefined ? 0 : await walk.entries(tiles, options.onProgress);
  const prover = tiles === undefined ? undefined : new Prover((level, index, width) => tiles.nodes(level, index, width));
  const rootAt = prover === undefined ? undefined : (size: number) => prover.root(size);
  const history = await checkHistory(text, { seen, mayLag: options.mayLag, rootAt }, findings);
  const fork = history === 'inconsistent' && seen !== undefined ? await forkEvidence(readShown(seen), { note, text }, { ...options, prover }) : undefined;
  const { byLog, signers, certified } = signed;
  const isSound = byLog && tiles !== undefined && ['first', 'same', 'grown'].includes(history);
  return { origin: text.origin, size: text.size, verified, signers, certified, history, note: formatNote(note), seen, fork, findings: findings.count, isSound };
}

function readShown(seen: string): { readonly note: Note; readonly text: LogText } {
  const note = parseNote(seen);
  return { note, text: parseLogText(note.text) };
}

/** One walk over a served log. */
class Walk {
  readonly #source: LogSource;
  readonly #log: LogText;
  readonly #findings: Findings;
  readonly #tree: TreeSource;
  #lastRecordedAt = -1n;

  constructor(source: LogSource, log: LogText, findings: Findings) {
    this.#source = source;
    this.#log = log;
    this.#findings = findings;
    this.#tree = {
      tile: (level, index, width) => this.#served({ kind: 'tile', level, index, width }),
      leaves: (first, count) => this.#leaves(first, count),
    };
  }

  /** The tree's tiles, if anything that is served leads to the signed root. */
  async anchored(): Promise<ChainedTiles | undefined> {
    const { size } = this.#log;
    const edge = await anchor(this.#tree, this.#log);
    if (edge === undefined) {
      this.#add('root', `Nothing that is served leads to the signed root at size ${size}`);
      return undefined;
    }
    const tell = (problem: string): void => this.#add('tile', problem);
    await checkPartials(this.#tree, edge, tell);
    return chained(this.#tree, edge, tell);
  }

  /** Compares every entry with its place in the tree; how many are what they should be. */
  async entries(tiles: ChainedTiles, onProgress: LogAuditOptions['onProgress']): Promise<number> {
    const { size } = this.#log;
    const names = bundlesOf(size);
    let verified = 0;
    for await (const { name, bytes } of inOrder(names, BUNDLES_AHEAD, async (each) => ({ name: each, bytes: await this.#served(each) }))) {
      verified += await this.#bundle(tiles, name, bytes);
      onProgress(name.index * TILE_WIDTH + name.width, size);
    }
    return verified;
  }

  async #bundle(tiles: ChainedTiles, name: TileName, bytes: Uint8Array | undefined): Promise<number> {
    const first = name.index * TILE_WIDTH;
    const entries = bytes === undefined ? 'can not be had' : parseBundle(bytes, name.width);
    const hashes = await this.#hashes(tiles, name);
    if (typeof entries === 'string') {
      this.#add('entry', `${tilePath(name)} ${entries}`, first);
      return 0;
    }
    let verified = 0;
    for (const [n, entry] of entries.entries()) {
      const index = first + n;
      if (hashes !== undefined && !equalBytes(leafHash(entry), hashes.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES)))
        this.#add('entry', `Entry ${index} does not lead to the root`, index);
      else if (this.#isEntry(entry, index) && hashes !== undefined) verified += 1;
    }
    return verified;
  }

  /** The tile over a bundle, or `undefined` where nothing that is served leads to the root. */
  async #hashes(tiles: ChainedTiles, { index, width }: TileName): Promise<Uint8Array | undefined> {
    try {
      return (await tiles.nodes(0, index, width)).hashes;
    } catch (error) {
      if (!(error instanceof RottenError)) throw error;
      const first = index * TILE_WIDTH;
      this.#add('entry', `Entries ${first} to ${first + width - 1} can not be told: ${error.message}`, first);
      return undefined;
    }
  }

  #isEntry(entry: Uint8Array, index: number): boolean {
    if (!isEntry(entry)) {
      this.#add('entry', `Entry ${index} is none`, index);
      return false;
    }
    const at = recordedAt(entry);
    // A mirror never refuses for time (SPEC §2): that is for an audit to say.
    if (at <= this.#lastRecordedAt) this.#add('time', `Entry ${index} is not later than the one before it`, index);
    this.#lastRecordedAt = at;
    return true;
  }

  async #leaves(first: number, count: number): Promise<Uint8Array | undefined> {
    const bytes = await this.#served({ kind: 'entries', level: 0, index: first / TILE_WIDTH, width: count });
    const entries = bytes === undefined ? 'can not be had' : parseBundle(bytes, count);
    return typeof entries === 'string' ? undefined : concatBytes(entries.map(leafHash));
  }

  /** Where a partial tile is gone because the full one is there, its beginning is taken (C2SP tlog-tiles). */
  async #served(name: TileName): Promise<Uint8Array | undefined> {
    const bytes = await this.#source.resource(name);
    if (bytes !== undefined || name.width === TILE_WIDTH) return bytes;
    const whole = await this.#source.resource({ ...name, width: TILE_WIDTH });
    if (whole === undefined || name.kind === 'tile') return whole?.subarray(0, name.width * HASH_BYTES);
    return bundleStart(whole, name.width);
  }

  #add(kind: Finding['kind'], message: string, index?: number): void {
    this.#findings.add({ kind, log: this.#log.origin, message, ...(index === undefined ? {} : { index }) });
  }
}

function bundlesOf(size: number): Iterable<TileName> {
  return {
    *[Symbol.iterator]() {
      for (let index = 0; index * TILE_WIDTH < size; index += 1) yield { kind: 'entries', level: 0, index, width: tileWidth(size, 0, index) };
    },
  };
}
