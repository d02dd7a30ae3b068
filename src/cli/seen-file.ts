import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { sha256, toHex, utf8Bytes } from '../std/bytes.ts';
import { CommandFailure, EXIT } from './exit.ts';

/** A checkpoint with its signatures, as `log verify` has seen it last: a note and nothing else. */
export class SeenFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Of one log: `named`, a file, or a folder that has one for each log; else in the state folder of this user (XDG Base Directory). */
  static of(origin: string, named: string | undefined): SeenFile {
    const isFile = named !== undefined && statSync(named, { throwIfNoEntry: false })?.isDirectory() !== true && !named.endsWith('/');
    const state = process.env['XDG_STATE_HOME'] ?? '';
    const folder = named ?? join(state === '' ? join(homedir(), '.local', 'state') : state, 'receipt-sync', 'seen');
    return new SeenFile(isFile ? named : join(folder, `${toHex(sha256(utf8Bytes(origin)))}.note`));
  }

  read(): string | undefined {
    try {
      return readFileSync(this.path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw new CommandFailure(EXIT.io, `Can't read ${this.path}`, { cause: error });
    }
  }

  /** Replaces it as a whole, durably: half a checkpoint would say nothing, and nothing would say "first". */
  async write(note: string): Promise<void> {
    await written(this.path, note);
  }

  /** Keeps another note, or evidence, beside it under a name of its own; says where. */
  async keepBeside(text: string, ending: 'note' | 'json'): Promise<string> {
    const path = `${this.path.replace(/\.note$/, '')}.${toHex(sha256(utf8Bytes(text))).slice(0, 16)}.${ending}`;
    await written(path, text);
    return path;
  }
}

async function written(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    await using file = await open(draft, 'w', 0o600);
    await file.writeFile(text);
    await file.sync();
    await rename(draft, path);
    await using folder = await open(dirname(path), 'r');
    await folder.sync();
  } catch (error) {
    throw new CommandFailure(EXIT.io, `Can't write ${path}`, { cause: error });
  }
}
