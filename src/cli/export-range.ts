import { once } from 'node:events';
import { open, rename, rm } from 'node:fs/promises';
import { recordedAtMs, recordedFrom } from '../log/entry.ts';
import { rfc3339, rfc3339Ms } from '../std/time.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { clientOf, type TargetOptions, tell } from './io.ts';

/** The header's first lines are in its first chunk. */
const HEAD = /^receipt-sync\/range@v1\nsince (\d+)\nuntil (\d+)\nentries (\d+) (\d+)\n/;

/** `export --certified`: all receipts of one log in a span of time, with the proof that they are all. Nothing is written under the file's name before all of it is there. */
export async function exportRange(
  file: string,
  span: { readonly origin: string; readonly since: string; readonly until: string },
  options: TargetOptions,
): Promise<void> {
  await using client = await clientOf(options);
  const bytes = await client.certifiedRange(span.origin, span);
  let head = '';
  const noted = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of bytes) {
      if (head.length < 256) head += Buffer.from(chunk).toString('latin1', 0, 256);
      yield chunk;
    }
  };
  if (file === '-') await toStdout(noted());
  else await toFile(noted(), file);
  report(head, span);
}

function report(head: string, { origin, until }: { readonly origin: string; readonly until: string }): void {
  const [, , cut = '0', first, end] = HEAD.exec(head) ?? [];
  tell(`Exported entries ${first} to ${Number(end) - 1} of the log of ${origin}, those just outside of the time included.`);
  if (BigInt(cut) < recordedFrom(rfc3339Ms(until) ?? 0))
    tell(`Complete only up to ${rfc3339(recordedAtMs(BigInt(cut)))}: the certified log has no later entry, and of what may come nothing can be said.`);
  tell('Verify it: receipt-sync verify FILE --policy POLICY');
}

async function toStdout(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of bytes) if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
}

async function toFile(bytes: AsyncIterable<Uint8Array>, path: string): Promise<void> {
  const draft = `${path}.part`;
  try {
    await using file = await open(draft, 'w').catch((error: unknown) => {
      throw new CommandFailure(EXIT.io, `Can't write ${draft}`, { cause: error });
    });
    for await (const chunk of bytes) await file.write(chunk);
    await file.sync();
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
