import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { ReceiptSyncError } from '../../errors.ts';
import type { LogSource } from '../../ports/log-source.ts';
import { tilePath } from '../../tlog/tile.ts';
import { bytesMaxOf, CHECKPOINT_BYTES_MAX } from './bounds.ts';

/** A log as static files: what a web server would serve (C2SP tlog-tiles). */
export function folderSource(folder: string): LogSource {
  return {
    name: folder,
    checkpoint: async () => {
      const bytes = await readAtMost(join(folder, 'checkpoint'), CHECKPOINT_BYTES_MAX);
      if (bytes === undefined) throw new ReceiptSyncError('NOT_FOUND', `${folder} has no checkpoint that can be read`);
      return bytes;
    },
    resource: (name) => readAtMost(join(folder, tilePath(name)), bytesMaxOf(name)),
  };
}

/** A file that is not there, can't be read or is larger than what it should be is not what it should be, whatever the reason. */
async function readAtMost(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  try {
    await using file = await open(path, 'r');
    const bytes = Buffer.alloc(bytesMax + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < bytes.length; length += read) ({ bytesRead: read } = await file.read(bytes, length, bytes.length - length));
    return length > bytesMax ? undefined : bytes.subarray(0, length);
  } catch {
    return undefined;
  }
}
