import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Random } from '../../sim/random.ts';

const DRIP_MS = 50;
const HUGE_BYTES = 1_000_000_000;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

/** One request, and what it takes to answer it badly. */
interface Asked {
  readonly response: ServerResponse;
  readonly random: Random;
  /** Of the region's mirror key. */
  readonly name: string;
  /** Of the receipt, where one was posted. */
  readonly receiptId: string;
  /** Told how much was sent of an answer without end. */
  readonly onPoured: (bytes: number) => void;
}

/** What a liar may answer to a batch of a mirrored log, to a post, to a read. None of it may ever be counted. */
const ANSWERS: Readonly<Record<string, (asked: Asked) => void>> = {
  'no cosignature': (asked) => plain(asked, ''),
  'noise for a cosignature': (asked) => plain(asked, cosignatureLike(asked, asked.name)),
  'the name of another': (asked) => plain(asked, cosignatureLike(asked, 'somebody.example/else/mirror')),
  'acknowledges another receipt': (asked) => json(asked, { status: 'acknowledged', receipt_id: `not-${asked.receiptId}` }),
  'acknowledges another content': (asked) => json(asked, { status: 'acknowledged', receipt_id: asked.receiptId, digest: 'ab'.repeat(32) }),
  'a size at will': (asked) =>
    text(asked, { status: 409, type: 'text/x.tlog.size', answer: `${asked.random.below(asked.random.pick([3, 1_000, 2 ** 40]))}\n` }),
  'a size that is none': (asked) =>
    text(asked, { status: 409, type: 'text/x.tlog.size', answer: asked.random.pick(['-1\n', 'many\n', '1e3\n', '99999999999999999999\n', '007\n']) }),
  'refuses what it likes': (asked) => plain(asked, 'refused 0-0\n'),
  'refuses every other entry': (asked) => plain(asked, Array.from({ length: 1_024 }, (_, n) => `refused ${2 * n}-${2 * n}\n`).join('')),
  'refuses what is no range': (asked) => plain(asked, asked.random.pick(['refused \n', 'refused 5-2\n', 'refused 0-99999999999999999999\n', 'refused a-b\n'])),
  'refuses and signs': (asked) => plain(asked, `refused 0-0\n${cosignatureLike(asked, asked.name)}`),
  'another place': ({ response, random }) => void response.writeHead(random.pick([301, 302, 307, 308]), { location: 'http://127.0.0.1:9/' }).end(),
  'another status': ({ response, random }) => void response.writeHead(random.pick([204, 206, 299, 500, 503])).end(),
  'busy for ever': ({ response, random }) =>
    void response.writeHead(429, { 'retry-after': random.pick(['1', '999999999999', '-5', 'Sat, 01 Jan 2999 00:00:00 GMT']) }).end(),
  'a byte now and then': drip,
  silence: () => undefined,
  'a reset': ({ response }) => void response.socket?.resetAndDestroy(),
  'a gigabyte': (asked) => pour(asked, { 'content-type': 'text/plain', 'content-length': HUGE_BYTES }),
  'no end': (asked) => pour(asked, { 'content-type': 'text/x.tlog.size' }),
  'a header of 200 kB': ({ response }) => void response.writeHead(200, { 'x-huge': 'x'.repeat(200_000) }).end('x'),
};

/** The names of all lies. */
export const LIES: readonly string[] = Object.keys(ANSWERS);

/** A peer under a region's address that speaks HTTP and lies. It stores nothing and holds nobody's key. */
export class Liar {
  readonly #server: Server;
  readonly #ahead: string[] = [];
  /** How often each lie was told. */
  readonly told: Map<string, number> = new Map();
  /** The most that was sent of one answer: a peer that reads no further than it must has hung up by then. */
  bytesMax = 0;

  private constructor(random: Random, name: string) {
    const onPoured = (bytes: number): void => {
      this.bytesMax = Math.max(this.bytesMax, bytes);
    };
    this.#server = createServer({ keepAlive: true }, (request, response) => {
      const lie = this.#next(random);
      this.told.set(lie, (this.told.get(lie) ?? 0) + 1);
      void bodyOf(request).then((body) => {
        const receiptId = /"receipt_id":"([^"]*)"/.exec(body.toString('latin1'))?.[1] ?? 'none';
        ANSWERS[lie]?.({ response, random, name, receiptId, onPoured });
      });
    });
  }

  /** `name`: of the region's mirror key. */
  static async start(port: number, random: Random, name: string): Promise<Liar> {
    const liar = new Liar(random, name);
    await new Promise<void>((resolve) => liar.#server.listen(port, '127.0.0.1', resolve));
    return liar;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** All of them in some order, then all in another one. */
  #next(random: Random): string {
    if (this.#ahead.length === 0) this.#ahead.push(...LIES);
    return this.#ahead.splice(random.below(this.#ahead.length), 1)[0] ?? 'silence';
  }
}

function text({ response }: Asked, { status, type, answer }: { readonly status: number; readonly type: string; readonly answer: string }): void {
  response.writeHead(status, { 'content-type': type }).end(answer);
}

function plain(asked: Asked, answer: string): void {
  text(asked, { status: 200, type: 'text/plain', answer });
}

function json(asked: Asked, answer: object): void {
  text(asked, { status: 200, type: 'application/json', answer: JSON.stringify({ ...answer, timestamp: '2026-01-01T00:00:00Z' }) });
}

function cosignatureLike({ random }: Asked, name: string): string {
  return `\u2014 ${name} ${Buffer.from(random.bytes(76)).toString('base64')}\n`;
}

function drip({ response }: Asked): void {
  response.writeHead(200, { 'content-type': 'text/plain' });
  const timer = setInterval(() => response.write('r'), DRIP_MS);
  response.on('close', () => clearInterval(timer));
}

/** As fast as it is taken. */
function pour({ response, onPoured }: Asked, headers: Readonly<Record<string, string | number>>): void {
  let sent = 0;
  const more = (): void => {
    while (!response.destroyed && sent < HUGE_BYTES) {
      sent += CHUNK.length;
      onPoured(sent);
      if (!response.write(CHUNK)) return;
    }
  };
  response.writeHead(200, { ...headers });
  response.on('drain', more);
  more();
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
