import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { Line } from '../torture/line.ts';

/** A line to a listener that says back what it hears, and a caller on it. */
async function onLine(body: (line: Line, near: Socket) => Promise<void>): Promise<void> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const line = await Line.start(new Random(7), (server.address() as AddressInfo).port);
  const near = connect({ host: '127.0.0.1', port: line.port });
  try {
    await body(line, near);
  } finally {
    near.destroy();
    await line.close();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** All that comes back within so many ms, or until so many bytes have. */
function heard(near: Socket, bytes: number, msMax = 2_000): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const done = (): void => {
      near.off('data', take);
      resolve(Buffer.concat(chunks));
    };
    const timer = setTimeout(done, msMax);
    const take = (chunk: Buffer): void => {
      chunks.push(chunk);
      if (Buffer.concat(chunks).length < bytes) return;
      clearTimeout(timer);
      done();
    };
    near.on('data', take);
  });
}

test('a fair line passes every byte; a slow one later, a narrow one at its pace', () =>
  onLine(async (line, near) => {
    const bytes = Buffer.from(new Random(1).bytes(20_000));
    near.write(bytes);
    assert.deepEqual(await heard(near, bytes.length), bytes);
    line.set({ delayMs: 100 });
    const startMs = performance.now();
    near.write('late');
    assert.equal((await heard(near, 4)).toString(), 'late');
    assert.ok(performance.now() - startMs >= 195, 'half of it in each direction');
    line.set({ bytesPerSecond: 100_000 });
    const narrowMs = performance.now();
    near.write(bytes);
    assert.deepEqual(await heard(near, bytes.length), bytes);
    assert.ok(performance.now() - narrowMs >= 380, 'two ways of 200 ms');
  }));

test('what a silent line swallows comes when it is mended, in order', () =>
  onLine(async (line, near) => {
    line.set({ swallows: ['back'] });
    near.write('first ');
    assert.equal((await heard(near, 1, 200)).length, 0);
    near.write('second');
    line.set({});
    assert.equal((await heard(near, 12)).toString(), 'first second');
    assert.ok(line.done.swallowed > 0);
  }));

test('a spoiled byte differs in one bit; a reset ends the connection, at once or when the answer comes', () =>
  onLine(async (line, near) => {
    line.set({ corruption: 1 });
    near.write(Buffer.alloc(64));
    const spoiled = await heard(near, 64);
    const bits = [...spoiled].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    // Once on each way; both may have met the same bit.
    assert.ok(bits === 2 || bits === 0, `${bits} bits`);
    assert.equal(line.done.corrupted, 2);
    line.set({ reset: { there: 0, back: 1 } });
    const ended = new Promise((resolve) => near.once('error', resolve));
    near.write('lost');
    assert.equal(Object(await ended).code, 'ECONNRESET');
    const next = connect({ host: '127.0.0.1', port: line.port });
    line.set({ isDown: true });
    assert.match(String(Object(await new Promise((resolve) => next.once('error', resolve))).code), /ECONNRESET|EPIPE/);
  }));
