import { rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { problem, sendProblem } from '../adapters/http/problem.ts';
import { ARRAY_BYTES_MAX } from '../adapters/http/request.ts';
import { dispatch, exchangeOf, type Reporting } from '../adapters/http/route.ts';
import { tokenReader } from '../adapters/secret-files.ts';
import type { DaemonConfig, LocalAddress } from '../config/daemon-config.ts';
import type { ReceiptSyncManager } from '../manager.ts';
import { isLoopbackHost } from '../std/loopback.ts';
import { localRoutes } from './local-routes.ts';
import { refuseBrokenRequests } from './refuse-socket.ts';

/** Sockets per listener; more are closed at once. */
const CONNECTIONS_MAX = 4_096;
/** A client gets this long for its request head. */
const HEADERS_TIMEOUT_MS = 10_000;
/** … and this long for a whole request on the peer listener; the local one may hold a batch stream open. */
const PEER_REQUEST_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_MS = 65_000;
const HEADERS_BYTES_MAX = 16 * 1024;

/** Listeners that are up. */
export interface RunningServer {
  /** A URL that a client on this machine reaches the local listener by: http://… or unix:/…. */
  readonly localUrl: string;
  readonly peersUrl: string;
  /** Takes no new connections, lets requests under way end for at most `graceMs`, then closes them. */
  close(graceMs: number): Promise<void>;
}

/** Opens both listeners of a daemon. Rejects with the system's error if an address is taken. */
export async function startServer(manager: ReceiptSyncManager, config: DaemonConfig, reporting: Reporting): Promise<RunningServer> {
  const { listen, local, sync } = config;
  const routes = localRoutes({
    manager,
    onRefused: reporting.onRefused,
    waitTimeoutMs: sync.waitTimeoutMs,
    token: local.tokenFile === undefined ? undefined : tokenReader(local.tokenFile),
    isLoopbackOnly: listen.local.kind === 'tcp' && isLoopbackHost(listen.local.host),
  });
  const localListener: RequestListener = (request, response) => void dispatch(routes, exchangeOf(request, response), reporting);
  const localServer = makeServer(localListener, { requestTimeout: 0, reporting });
  const peerServer = makeServer(manager.peerHandler, { requestTimeout: PEER_REQUEST_TIMEOUT_MS, reporting });
  const localUrl = await open(localServer, listen.local);
  try {
    const peersUrl = await open(peerServer, listen.peers);
    return { localUrl, peersUrl, close: (graceMs) => closeAll([localServer, peerServer], graceMs) };
  } catch (error) {
    await closeAll([localServer], 0);
    throw error;
  }
}

function makeServer(listener: RequestListener, { requestTimeout, reporting }: { readonly requestTimeout: number; readonly reporting: Reporting }): Server {
  const options = {
    requestTimeout,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADERS_BYTES_MAX,
    connectionsCheckingInterval: 1_000,
    noDelay: true,
    keepAlive: true,
    insecureHTTPParser: false,
    // A request without Host gets a problem from `dispatch` rather than a bare 400.
    requireHostHeader: false,
  };
  const server = createServer(options, listener);
  server.maxConnections = CONNECTIONS_MAX;
  server.maxHeadersCount = 64;
  refuseBrokenRequests(server, reporting.onRefused);
  server.on('checkExpectation', (_request, response) =>
    sendProblem(response, { ...problem('BAD_REQUEST', 'Only 100-continue can be expected', { extra: { header: 'expect' } }), status: 417 }),
  );
  server.on('checkContinue', (request, response) => continueUnlessTooLarge(server, request, response));
  return server;
}

/** A body that is refused by its announced length need not be sent at all (RFC 9110 §10.1.1). */
function continueUnlessTooLarge(server: Server, request: IncomingMessage, response: ServerResponse): void {
  if (Number(request.headers['content-length'] ?? 0) <= ARRAY_BYTES_MAX) response.writeContinue();
  server.emit('request', request, response);
}

async function open(server: Server, address: LocalAddress): Promise<string> {
  if (address.kind === 'unix' && (await isStaleSocket(address.path))) rmSync(address.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', resolve);
    if (address.kind === 'unix') server.listen({ path: address.path });
    else server.listen({ host: address.host, port: address.port });
  });
  const bound = server.address();
  if (address.kind === 'unix' || bound === null || typeof bound === 'string') return `unix:${address.kind === 'unix' ? address.path : ''}`;
  const host = address.host === '0.0.0.0' || address.host === '::' ? '127.0.0.1' : address.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound.port}`;
}

/** A socket file that a killed process left: nobody answers at it. One of a region that runs, and any other file, is left alone. */
function isStaleSocket(path: string): Promise<boolean> {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve('code' in error && error.code === 'ECONNREFUSED'));
  });
}

async function closeAll(servers: readonly Server[], graceMs: number): Promise<void> {
  const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
  for (const server of servers) server.closeIdleConnections();
  const timer = setTimeout(() => {
    for (const server of servers) server.closeAllConnections();
  }, graceMs);
  await Promise.all(closed);
  clearTimeout(timer);
}
