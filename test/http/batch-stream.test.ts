import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { BodyBudget } from '../../src/adapters/http/request.ts';
import { receiptJson } from '../../src/receipt/wire.ts';
import { batchStream } from '../../src/server/batch-stream.ts';
import { receiptOf } from '../receipts.ts';

const HEAD = 'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n';

/** A listener on a free port, and a bare socket to it. */
async function listening(server: Server): Promise<{ readonly socket: Socket } & AsyncDisposable> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const end = async (): Promise<void> => {
    socket.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { socket, [Symbol.asyncDispose]: end };
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let n = 0; n < 400 && !isSo(); n += 1) await new Promise((resolve) => setTimeout(resolve, 25));
  assert.ok(isSo());
}

test('no more lines are taken from a client that does not read its answers, and the rest as soon as it does', async () => {
  const lines = 12_000;
  let taken = 0;
  const json = JSON.stringify({ detail: 'x'.repeat(10_000) });
  const bad = (): { readonly status: number; readonly json: string } => {
    taken += 1;
    return { status: 422, json };
  };
  const server = createServer((request, response) => void batchStream(request, response, { sync: () => Promise.reject(new Error()), bad }));
  await using client = await listening(server);
  const { socket } = client;
  socket.pause();
  // Longer than the kernel's buffers hold of 64 KiB chunks: one of them is what is taken beyond the bound.
  socket.write(HEAD);
  for (let n = 0; n < lines; n += 100) socket.write(chunk(`${'y'.repeat(300)}\n`.repeat(100)));
  socket.write('0\r\n\r\n');
  let before = -1;
  while (before !== taken || taken === 0) {
    before = taken;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.ok(taken < lines / 2, `${taken} lines were taken`);
  socket.resume();
  await until(() => taken === lines);
});

test('a line that is too long is answered in its place, and those after it in theirs, however the bytes are cut on the way', async () => {
  for (const length of [65_537, 100_000, 300_000]) {
    const sync = async ({ receiptId }: { readonly receiptId: string }): Promise<{ readonly status: number; readonly json: string }> => ({
      status: 201,
      json: JSON.stringify({ receipt_id: receiptId }),
    });
    const bad = (error: Error): { readonly status: number; readonly json: string } => ({ status: 413, json: JSON.stringify({ detail: error.message }) });
    await using client = await listening(createServer((request, response) => void batchStream(request, response, { sync, bad })));
    const { socket } = client;
    let answer = '';
    socket.setEncoding('utf8').on('data', (text) => (answer += text));
    socket.write(`${HEAD}${chunk(`${receiptJson(receiptOf('first'))}\n`)}`);
    for (let sent = 0; sent < length; sent += 10_000) {
      socket.write(chunk('z'.repeat(Math.min(10_000, length - sent))));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    socket.write(`${chunk(`\n${receiptJson(receiptOf('second'))}\n`)}0\r\n\r\n`);
    await until(() => answer.endsWith('0\r\n\r\n'));
    assert.deepEqual(answer.match(/rec-first|at most 65536|rec-second/g), ['rec-first', 'at most 65536', 'rec-second'], `${length}`);
  }
});

test('a body that does not come gives its share of memory back', async () => {
  const bodies = new BodyBudget(100);
  const codes: string[] = [];
  const server = createServer((request, response) => {
    bodies.read(request, 64 * 1024 * 1024).catch((error: unknown) => {
      codes.push(error instanceof Error && 'code' in error ? String(error.code) : 'none');
      response.writeHead(408, { connection: 'close' }).end();
    });
  });
  await using client = await listening(server);
  client.socket.write(`${HEAD}${chunk('{')}`);
  await until(() => codes.length === 1);
  await using second = await listening(createServer((request, response) => void bodies.read(request, 1_024).then((body) => response.end(body))));
  let answer = '';
  second.socket.on('data', (text) => (answer += String(text)));
  second.socket.write(`${HEAD}${chunk('hello')}0\r\n\r\n`);
  await until(() => answer.includes('hello'));
  assert.deepEqual(codes, ['REQUEST_TIMEOUT']);
});
