import { InvalidConfigError } from '../errors.ts';
import { utf8Bytes } from '../std/bytes.ts';
import type { Value } from './values.ts';

export type LocalAddress = TcpAddress | { readonly kind: 'unix'; readonly path: string };

/** Where a listener is bound. */
export interface TcpAddress {
  readonly kind: 'tcp';
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** One remote, as configured. */
export interface RemoteSettings {
  readonly id: string;
  readonly endpoint: string;
  readonly weight: number;
  readonly timeoutMs: number;
  readonly caFile: string | undefined;
  readonly tokenFile: string | undefined;
  readonly publicKey: string | undefined;
  readonly logKey: string | undefined;
}

/** A daemon's whole configuration: parsed, complete, its paths absolute. */
export interface DaemonConfig {
  readonly cluster: string | undefined;
  readonly region: { readonly id: string; readonly weight: number; readonly keyFile: string | undefined };
  readonly listen: { readonly local: LocalAddress; readonly peers: TcpAddress };
  readonly local: { readonly tokenFile: string | undefined };
  readonly plain: { readonly accept: 'loopback' | 'token' | 'off'; readonly tokenFile: string | undefined };
  readonly sync: {
    readonly enabled: boolean;
    readonly quorumThreshold: number;
    readonly waitTimeoutMs: number;
    readonly maxRetries: number;
    readonly retryBackoffMs: number;
    readonly exclusive: boolean;
    readonly primaryRegion: string | undefined;
  };
  readonly remotes: readonly RemoteSettings[];
  readonly store: { readonly path: string };
  readonly logs: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly format: 'text' | 'json' };
}

/** `sun_path` of unix(7) without its final zero. */
const SOCKET_PATH_BYTES_MAX = 107;

type Look = (path: string) => Value | undefined;

/** Builds the typed form; `look` answers by concrete path with values whose types the options table has checked. */
export function daemonConfig(look: Look, remotes: number): DaemonConfig {
  const text = (path: string): string => String(look(path) ?? '');
  const optional = (path: string): string | undefined => (look(path) === undefined ? undefined : text(path));
  const accept = text('plain.accept');
  const level = text('logs.level');
  return {
    cluster: optional('cluster'),
    region: { id: text('region.id'), weight: Number(look('region.weight')), keyFile: optional('region.keyFile') },
    listen: { local: localAddress(text('listen.local')), peers: tcpAddress('listen.peers', text('listen.peers')) },
    local: { tokenFile: optional('local.tokenFile') },
    plain: { accept: accept === 'token' || accept === 'off' ? accept : 'loopback', tokenFile: optional('plain.tokenFile') },
    sync: {
      enabled: look('sync.enabled') === true,
      quorumThreshold: Number(look('sync.quorumThreshold')),
      waitTimeoutMs: Number(look('sync.waitTimeout')),
      maxRetries: Number(look('sync.maxRetries')),
      retryBackoffMs: Number(look('sync.retryBackoff')),
      exclusive: look('sync.exclusive') === true,
      primaryRegion: optional('sync.primaryRegion'),
    },
    remotes: Array.from({ length: remotes }, (_, n) => remote(`remotes[${n}]`, { look, text, optional })),
    store: { path: text('store.path') },
    logs: { level: level === 'debug' || level === 'warn' || level === 'error' ? level : 'info', format: text('logs.format') === 'json' ? 'json' : 'text' },
  };
}

function remote(
  path: string,
  read: { readonly look: Look; readonly text: (path: string) => string; readonly optional: (path: string) => string | undefined },
): RemoteSettings {
  return {
    id: read.text(`${path}.id`),
    endpoint: read.text(`${path}.endpoint`),
    weight: Number(read.look(`${path}.weight`)),
    timeoutMs: Number(read.look(`${path}.timeout`)),
    caFile: read.optional(`${path}.caFile`),
    tokenFile: read.optional(`${path}.tokenFile`),
    publicKey: read.optional(`${path}.publicKey`),
    logKey: read.optional(`${path}.logKey`),
  };
}

function localAddress(text: string): LocalAddress {
  if (!text.startsWith('unix:')) return tcpAddress('listen.local', text);
  const path = text.slice('unix:'.length);
  const bytes = utf8Bytes(path).length;
  if (bytes < 1 || bytes > SOCKET_PATH_BYTES_MAX)
    throw new InvalidConfigError([{ path: 'listen.local', message: `listen.local must name a socket of 1 to ${SOCKET_PATH_BYTES_MAX} bytes, not ${text}` }]);
  return { kind: 'unix', path };
}

function tcpAddress(path: string, text: string): TcpAddress {
  const [, bracketed, host, port] = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new InvalidConfigError([{ path, message: `${path} must be host:port${path === 'listen.local' ? ' or unix:/path' : ''}, not ${text}` }]);
  return { kind: 'tcp', host: bracketed ?? host ?? '', port: Number(port) };
}
