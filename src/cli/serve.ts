import { writeSync } from 'node:fs';
import { Command } from 'commander';
import { LogObserver } from '../adapters/observers/log-observer.ts';
import { tokenReader } from '../adapters/secret-files.ts';
import type { DaemonConfig } from '../config/daemon-config.ts';
import { toMultiRegionConfig } from '../config/load.ts';
import { ReceiptSyncError } from '../errors.ts';
import { ReceiptSyncManager } from '../manager.ts';
import { type RunningServer, startServer } from '../server/serve.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { readConfig } from './io.ts';

/** Requests and callers under way get this long at SIGTERM (GOALS R12). */
const DRAIN_MS = 8_000;

/** `serve`: one region as a process. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('Run one region: listen for applications and for other regions until SIGTERM.')
    .option('--config <file>', 'configuration file (YAML); without one the environment says everything')
    .option('--set <key=value>', 'set one configuration key', (value: string, before: readonly string[]) => [...before, value], [])
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync serve --config ./cluster/us-east-1/config.yaml\n  receipt-sync serve --config config.yaml --set logs.format=json\n',
    )
    .action(async (options: { readonly config?: string; readonly set: readonly string[] }) => serve(await readConfig(options.config, options.set)));
}

async function serve(config: DaemonConfig): Promise<void> {
  const log = new LogObserver({ ...config.logs, write: writeStderr });
  try {
    await run(config, log);
  } catch (error) {
    log.line('error', `Failed to initialize multi-region: ${error instanceof Error ? error.message : String(error)}`);
    log.flush();
    throw asFailure(error);
  }
}

async function run(config: DaemonConfig, log: LogObserver): Promise<void> {
  const settings = toMultiRegionConfig(config);
  settings.validate();
  for (const warning of settings.warnings()) log.line('warn', warning);
  const { accept, tokenFile } = config.plain;
  const onInternalError = (error: unknown): void => log.line('error', `Bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const plain = { accept, token: tokenFile === undefined ? undefined : tokenReader(tokenFile) };
  const manager = await ReceiptSyncManager.open(settings, { observer: log.observe, plain, onInternalError });
  try {
    const server = await startServer(manager, config, onInternalError);
    log.line('info', `Region ${config.region.id} listens for applications on ${server.localUrl}, for regions on ${server.peersUrl}`);
    await untilSignal();
    await drain(manager, server);
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

/** New calls are refused from the first moment; what is under way is answered before the connections end. */
async function drain(manager: ReceiptSyncManager, server: RunningServer): Promise<void> {
  const closing = manager.close({ timeout: DRAIN_MS });
  await server.close(DRAIN_MS);
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
