import { readFileSync } from 'node:fs';
import { InvalidConfigError } from '../errors.ts';

/** A token is read anew at most this often: rotated by replacing the file, without a read per request. */
const REREAD_MS = 1_000;

/** Counted up when all secrets are to be read anew. */
let generation = 0;

/** Every token is read from its file again before it is next used (SIGHUP). */
export function rereadSecrets(): void {
  generation += 1;
}

/** The first line of a token file, always the present one. Throws InvalidConfigError if it can't be read at first; later the last one counts. */
export function tokenReader(path: string): () => string | undefined {
  let token = readToken(path);
  let readAtMs = performance.now();
  let readIn = generation;
  return () => {
    if (performance.now() - readAtMs < REREAD_MS && readIn === generation) return token;
    readIn = generation;
    readAtMs = performance.now();
    try {
      token = readToken(path);
    } catch (error) {
      if (!(error instanceof InvalidConfigError)) throw error;
    }
    return token;
  };
}

function readToken(path: string): string {
  const [line = ''] = readText(path).split(/\r?\n/, 1);
  if (line.trim() === '') throw new InvalidConfigError([{ path: 'tokenFile', message: `The first line of ${path} holds no token` }]);
  return line.trim();
}

/** The text of a PEM file. Throws InvalidConfigError if it can't be read. */
export function readPem(path: string): string {
  return readText(path);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InvalidConfigError([{ path: 'file', message: `Can't read ${path}` }], { cause: error });
  }
}
