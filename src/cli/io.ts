import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ReceiptSyncClient } from '../client.ts';
import type { DaemonConfig } from '../config/daemon-config.ts';
import { loadConfig } from '../config/load.ts';
import { CommandFailure, EXIT } from './exit.ts';

/** The options by which a command finds its sidecar. */
export interface TargetOptions {
  readonly url?: string;
  readonly config?: string;
  readonly tokenFile?: string;
}

const URL_DEFAULT = 'http://127.0.0.1:7480';

/** Reads and checks a configuration. */
export async function readConfig(path: string | undefined, sets: readonly string[]): Promise<DaemonConfig> {
  const sources = { env: process.env, sets, cwd: process.cwd(), resolve };
  if (path === undefined) return loadConfig(sources);
  const content = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new CommandFailure(EXIT.noInput, `Can't read the configuration ${path}`, { cause: error });
  });
  return loadConfig({ ...sources, file: { name: path, text: content, folder: dirname(resolve(path)) } });
}

/** Where the sidecar is: `--url`, else RECEIPT_SYNC_URL, else `listen.local` of `--config`, else the default address; with its token. */
export async function targetOf(options: TargetOptions): Promise<{ readonly url: string; readonly token: string | undefined }> {
  const config = options.config === undefined ? undefined : await readConfig(options.config, []);
  const url = options.url ?? process.env['RECEIPT_SYNC_URL'] ?? (config === undefined ? URL_DEFAULT : localUrl(config));
  if (!/^unix:./.test(url) && !/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw new CommandFailure(EXIT.usage, `${url} is neither an http(s) URL nor unix:PATH`);
  const tokenFile = options.tokenFile ?? config?.local.tokenFile;
  return { url, token: tokenFile === undefined ? undefined : (await readInput(tokenFile)).split(/\r?\n/, 1)[0] };
}

/** A client to the sidecar. */
export async function clientOf(options: TargetOptions): Promise<ReceiptSyncClient> {
  const { url, token } = await targetOf(options);
  return new ReceiptSyncClient(url, token === undefined ? {} : { token });
}

/** A file's text; `-` is stdin. */
export async function readInput(path: string): Promise<string> {
  return (await readBytes(path)).toString('utf8');
}

/** A file's bytes as they are; `-` is stdin. */
export function readBytes(path: string): Promise<Buffer> {
  return (path === '-' ? buffer(process.stdin) : readFile(path)).catch((error: unknown) => {
    throw new CommandFailure(EXIT.noInput, `Can't read ${path}`, { cause: error });
  });
}

/** A result, on stdout. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

let endsUnread = true;

/** For a command whose work is more than what it prints: it goes on where nobody reads that any more. */
export function goOnUnread(): void {
  endsUnread = false;
}

/** What becomes of a stdout that takes no more: a reader that has seen enough (`| head`) is no failure, a full disk is. */
export function watchStdout(): void {
  process.stdout.on('error', (error) => {
    const isUnread = 'code' in error && error.code === 'EPIPE';
    if (isUnread && !endsUnread) return;
    if (!isUnread) tell(`Can't write the results: ${error.message}`);
    process.exit(isUnread ? EXIT.ok : EXIT.io);
  });
}

/** Progress and everything else for people, on stderr. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** How a client on this machine reaches the region of a configuration. */
export function localUrl(config: DaemonConfig): string {
  const { local } = config.listen;
  if (local.kind === 'unix') return `unix:${local.path}`;
  const host = local.host === '0.0.0.0' ? '127.0.0.1' : local.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${local.port}`;
}
