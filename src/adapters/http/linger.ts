import type { IncomingMessage } from 'node:http';

/** How long bytes that nobody wants are still taken and dropped. */
const LINGER_MS = 1_000;

/**
 * Lets the connection of a request that was answered before its body had come end in stages (RFC 9112 §9.6): the answer, the end of
 * our side, and only later the whole. Closed at once over bytes that were not read it would be reset, and the reset can overtake the answer.
 */
export function linger({ socket }: IncomingMessage): void {
  // What Node calls once the answer of a connection that is not kept has been written.
  socket.destroySoon = () => {
    socket.end();
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
}
