import type { Command } from 'commander';

/** The options that name a sidecar, the same on every command that asks one. */
export function withTarget(command: Command): Command {
  return command
    .option('--url <url>', 'the sidecar: http://host:port or unix:/path (default: RECEIPT_SYNC_URL, listen.local of --config, http://127.0.0.1:7480)')
    .option('--config <file>', 'take the address and token from this configuration')
    .option('--token-file <file>', 'first line: the token of the local listener');
}
