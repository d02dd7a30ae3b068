import { writeSync } from 'node:fs';
import { Command } from 'commander';
import { LogObserver } from '../adapters/observers/log-observer.ts';
import { rereadSecrets, tokenReader } from '../adapters/secret-files.ts';
import type { DaemonConfig } from '../config/daemon-config.ts';
import { toMultiRegionConfig } from '../config/load.ts';
import { ReceiptSyncError } from '../errors.ts';
import { ReceiptSyncManager } from '../manager.ts';
import { RefusalLog } from '../server/refusal-log.ts';
import { type RunningServer, startServer } from '../server/serve.ts';
import { durationMs } from '../std/duration.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { readConfig } from './io.ts';

/** Requests and callers under way get this long at SIGTERM unless told otherwise: within the 10 s of GOALS R12. */
const DRAIN_DEFAULT = '8s';

interface ServeOptions {
  readonly config?: string;
  readonly set: readonly string[];
  readonly drain: string;
}

/** `serve`: one region as a process. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('Run one region: listen for applications and for other regions until SIGTERM.')
    .option('--config <file>', 'configuration file (YAML); without one the environment says everything')
    .option('--set <key=value>', 'set one configuration key', (value: string, before: readonly string[]) => [...before, value], [])
    .option('--drain <duration>', 'at SIGTERM: how long callers under way may wait on for their quorum', DRAIN_DEFAULT)
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync serve --config ./cluster/us-east-1/config.yaml\n  receipt-sync serve --config config.yaml --set logs.format=json\n',
    )
    .addHelpText('after', '\nSIGTERM drains and exits 0; SIGHUP reads tokens and logs.level anew.')
    .action((options: ServeOptions) => serve(options));
}

async function serve(options: ServeOptions): Promise<void> {
  const drainMs = durationMs(options.drain);
  if (drainMs === undefined) throw new CommandFailure(EXIT.usage, '--drain must be a duration such as 8s');
  const config = await readConfig(options.config, options.set);
  const log = new LogObserver({ ...config.logs, write: writeStderr });
  try {
    await run(config, { log, drainMs, reload: () => readConfig(options.config, options.set) });
  } catch (error) {
    log.line('error', `Failed to initialize multi-region: ${error instanceof Error ? error.message : String(error)}`);
    log.flush();
    throw asFailure(error);
  }
}

interface Running {
  readonly log: LogObserver;
  readonly drainMs: number;
  readonly reload: () => Promise<DaemonConfig>;
}

async function run(config: DaemonConfig, running: Running): Promise<void> {
  const { log, drainMs } = running;
  const settings = toMultiRegionConfig(config);
  settings.validate();
  for (const warning of settings.warnings()) log.line('warn', warning);
  const { accept, tokenFile } = config.plain;
  const onInternalError = (error: unknown): void => log.line('error', `Bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const refusals = new RefusalLog((level, msg, fields) => log.line(level, msg, fields));
  const plain = { accept, token: tokenFile === undefined ? undefined : tokenReader(tokenFile) };
  const manager = await ReceiptSyncManager.open(settings, { observer: log.observe, plain, onInternalError, onRefused: refusals.refused });
  try {
    const server = await startServer(manager, config, { onInternal: onInternalError, onRefused: refusals.refused });
    log.line('info', `Region ${config.region.id} listens for applications on ${server.localUrl}, for regions on ${server.peersUrl}`);
    process.on('SIGHUP', () => void reload(config, running));
    await untilSignal();
    await drain(manager, server, drainMs);
  } catch (error) {
    await manager.close({ timeout: 0 });
    throw error;
  } finally {
    log.flush();
  }
}

/** The first SIGTERM or SIGINT drains; the second ends the process at once. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        process.removeListener(signal, stop);
        process.on(signal, () => process.exit(EXIT.tryAgain));
      }
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

/** SIGHUP: tokens and the log level. What else has changed takes a restart, and is named. Never ends the process. */
async function reload(before: DaemonConfig, { log, reload: read }: Running): Promise<void> {
  rereadSecrets();
  try {
    const config = await read();
    log.setLevel(config.logs.level);
    const changed = changedKeys(before, config).filter((key) => key !== 'logs.level');
    log.line('info', `SIGHUP: tokens are read anew, log level is ${config.logs.level}`);
    if (changed.length > 0) log.line('warn', `SIGHUP: a restart is needed for ${changed.join(', ')}`);
  } catch (error) {
    log.line('error', `SIGHUP: the configuration can not be read, it stays as it was: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Dotted paths whose values differ. */
function changedKeys(before: object, now: object, path = ''): readonly string[] {
  const old = new Map(Object.entries(before));
  return [...new Set([...old.keys(), ...Object.keys(now)])].flatMap((key) => {
    const [a, b]: readonly [unknown, unknown] = [old.get(key), new Map(Object.entries(now)).get(key)];
    const at = path === '' ? key : `${path}.${key}`;
    if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null) return changedKeys(a, b, at);
    return a === b ? [] : [at];
  });
}

/** New calls are refused from the first moment; what is under way is answered before the connections end. */
async function drain(manager: ReceiptSyncManager, server: RunningServer, drainMs: number): Promise<void> {
  const closing = manager.close({ timeout: drainMs });
  await server.close(drainMs);
  await closing;
  process.exit(EXIT.ok);
}

/** Synchronous: the last lines before an exit are the ones that matter. A full pipe loses lines, not the process. */
function writeStderr(text: string): void {
  try {
    writeSync(2, text);
  } catch (error) {
    if (!isAgain(error)) throw error;
  }
}

function isAgain(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EPIPE');
}

function asFailure(error: unknown): unknown {
  if (error instanceof ReceiptSyncError || error instanceof CommandFailure) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL') return new CommandFailure(EXIT.config, `Can't listen: ${String(error)}`, { cause: error });
  if (code === 'EACCES' || code === 'EPERM') return new CommandFailure(EXIT.notAllowed, String(error), { cause: error });
  return error;
}
