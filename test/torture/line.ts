import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../../sim/random.ts';

/** Which way bytes go: from the caller to the one that is called, or back. */
export type Direction = 'there' | 'back';

/** What a line does to what goes over it. */
export interface Weather {
  /** Each chunk so much later, in each direction. */
  readonly delayMs: number;
  /** Bytes a second in each direction; 0: no limit. */
  readonly bytesPerSecond: number;
  /** A chunk has one bit of it turned with this probability. */
  readonly corruption: number;
  /** A connection is reset with this probability when a chunk comes. In `back` the other side has committed, and its answer is lost. */
  readonly reset: Readonly<Record<Direction, number>>;
  /** Nothing gets through in these directions, and nobody is told. */
  readonly swallows: readonly Direction[];
  /** New connections are refused and old ones reset. */
  readonly isDown: boolean;
}

export const FAIR: Weather = { delayMs: 0, bytesPerSecond: 0, corruption: 0, reset: { there: 0, back: 0 }, swallows: [], isDown: false };

/** A line from one region to another that can be spoiled while it is in use. Seeded as far as TCP's chunks are the same. */
export class Line {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #random: Random;
  /** What was held back by `swallows`: TCP would send it again once the line is there again. */
  readonly #held = new Set<() => void>();
  #weather = FAIR;
  /** How often something was really done, by what. */
  readonly done = { corrupted: 0, reset: 0, swallowed: 0, slowed: 0 };

  private constructor(random: Random, targetPort: number) {
    this.#random = random;
    this.#server = createServer({ noDelay: true }, (near) => this.#join(near, targetPort));
  }

  /** Listens on `port` of 127.0.0.1 (0: any). */
  static async start(random: Random, targetPort: number, port = 0): Promise<Line> {
    const line = new Line(random, targetPort);
    await new Promise<void>((resolve, reject) => {
      line.#server.once('error', reject);
      line.#server.listen(port, '127.0.0.1', resolve);
    });
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on. A line that was silent goes on where it stopped. */
  set(weather: Partial<Weather>): void {
    this.#weather = { ...FAIR, ...weather };
    if (this.#weather.isDown) for (const socket of this.#sockets) this.#reset([socket]);
    const held = [...this.#held];
    this.#held.clear();
    for (const resume of held) resume();
  }

  /** How often anything was done. */
  get doneInAll(): number {
    return Object.values(this.done).reduce((sum, count) => sum + count, 0);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket, targetPort: number): void {
    this.#sockets.add(near);
    if (this.#weather.isDown) {
      this.#reset([near]);
      return;
    }
    const far = connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
    this.#sockets.add(far);
    const both = [near, far];
    for (const socket of both) {
      // A broken line shows as a close at both ends.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        for (const other of both) other.destroy();
      });
    }
    this.#pump(near, far, 'there');
    this.#pump(far, near, 'back');
  }

  #pump(from: Socket, to: Socket, direction: Direction): void {
    from.on('data', (chunk: Buffer) => {
      // One at a time: what is slow holds up what comes behind it, and in the end the sender.
      from.pause();
      this.#pass(chunk, direction, () => {
        if (this.#random.chance(this.#weather.reset[direction])) {
          this.#reset([from, to]);
        } else if (!to.destroyed) {
          to.write(this.#spoiled(chunk));
          from.resume();
        }
      });
    });
  }

  #reset(sockets: readonly Socket[]): void {
    this.done.reset += 1;
    for (const socket of sockets) socket.resetAndDestroy();
  }

  #pass(chunk: Buffer, direction: Direction, go: () => void): void {
    if (this.#weather.swallows.includes(direction)) {
      this.done.swallowed += 1;
      this.#held.add(() => this.#pass(chunk, direction, go));
      return;
    }
    const { delayMs, bytesPerSecond } = this.#weather;
    const waitMs = delayMs + (bytesPerSecond === 0 ? 0 : (chunk.length * 1_000) / bytesPerSecond);
    if (waitMs > 0) {
      this.done.slowed += 1;
      setTimeout(go, waitMs);
    } else go();
  }

  #spoiled(chunk: Buffer): Buffer {
    if (!this.#random.chance(this.#weather.corruption)) return chunk;
    this.done.corrupted += 1;
    const bytes = Buffer.from(chunk);
    const at = this.#random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.#random.below(8));
    return bytes;
  }
}
