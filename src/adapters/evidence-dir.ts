import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { EvidenceFiles } from '../ports/evidence-files.ts';
import { sha256, toHex, utf8Bytes } from '../std/bytes.ts';

/** `evidence/<sha256>.json` in a data directory: what is named there is whole and survives a power cut. */
export class EvidenceDirectory implements EvidenceFiles {
  readonly #directory: string;

  constructor(dataDir: string) {
    this.#directory = join(dataDir, 'evidence');
  }

  /** Written under another name, fsynced, renamed; then the directory is fsynced, and that above where it is new. */
  async keep(text: string): Promise<string> {
    const bytes = utf8Bytes(text);
    const name = toHex(sha256(bytes));
    if ((await this.read(name)) !== undefined) return name;
    if ((await mkdir(this.#directory, { recursive: true, mode: 0o700 })) !== undefined) await syncDirectory(join(this.#directory, '..'));
    const path = join(this.#directory, `${name}.json`);
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    await syncDirectory(this.#directory);
    return name;
  }

  async read(name: string): Promise<string | undefined> {
    try {
      const bytes = await readFile(join(this.#directory, `${name}.json`));
      // What a full disk has left half, or somebody has changed, is not what its name says.
      return toHex(sha256(bytes)) === name ? bytes.toString('utf8') : undefined;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
