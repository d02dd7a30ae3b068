import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a listener that takes `delayMs` longer, half of it in each direction. */
export interface DelayProxy {
  readonly port: number;
  close(): void;
}

/** Forwards TCP byte for byte, each chunk after half the delay: a longer line, not a slower one. */
export async function delayProxy(targetPort: number, delayMs: number): Promise<DelayProxy> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => void setTimeout(() => to.write(chunk), delayMs / 2));
      from.on('close', () => {
        sockets.delete(from);
        setTimeout(() => to.destroy(), delayMs / 2);
      });
      // A broken line shows as a close at both ends.
      from.on('error', () => from.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, close };
}
