import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';
import { LogByHand, MirrorByHand, post, Stage } from './by-hand.ts';

async function mirroring(): Promise<{ readonly stage: Stage; readonly log: LogByHand }> {
  const west = await MirrorByHand.make('us-west-1');
  const stage = await Stage.open('us-east-1', [west.remote()], 2);
  stage.endWith(() => west.listening.close());
  return { stage, log: new LogByHand(west.signer) };
}

/** A connection that says what came back. */
class Line {
  readonly socket: Socket;
  said = '';

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname);
    this.socket.on('data', (bytes) => (this.said += bytes.toString('latin1')));
    // A listener that has answered may close the connection while we go on writing.
    this.socket.on('error', () => undefined);
  }

  async write(bytes: Uint8Array | string): Promise<void> {
    if (this.socket.destroyed || this.socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      this.socket.once('drain', resolve);
      this.socket.once('close', () => resolve());
    });
  }

  statuses(): readonly number[] {
    return [...this.said.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
  }
}

const HEAD = 'POST /receipt-sync HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-receipt-sync-batch\r\n';

function inPieces(bytes: Uint8Array): Buffer {
  return Buffer.concat([
    ...Array.from(bytes, (byte) => Buffer.concat([Buffer.from('1\r\n'), Uint8Array.of(byte), Buffer.from('\r\n')])),
    Buffer.from('0\r\n\r\n'),
  ]);
}

test('a batch that comes byte by byte is taken, and one of too many pieces is not: its memory is that of its bytes', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  log.add(receiptOf(1));
  const slow = new Line(stage.url);
  await slow.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
  await slow.write(inPieces(log.batch(0, 1)));
  await until('taken', () => slow.statuses().length > 0);
  assert.deepEqual(slow.statuses(), [200]);
  slow.socket.destroy();
  const before = process.memoryUsage.rss();
  const lines = Array.from({ length: 4 }, () => new Line(stage.url));
  const start = Buffer.from(log.batch(1, 1));
  const pieces = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from('1\r\nx\r\n')));
  await Promise.all(
    lines.map(async (line) => {
      await line.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
      await line.write(Buffer.concat([Buffer.from(`${start.length.toString(16)}\r\n`), start, Buffer.from('\r\n')]));
      for (let n = 0; n < 60 && line.statuses().length === 0; n += 1) await line.write(pieces);
    }),
  );
  await until('refused', () => lines.every((line) => line.statuses().length > 0));
  assert.deepEqual(
    lines.flatMap((line) => line.statuses()),
    [413, 413, 413, 413],
  );
  assert.ok(process.memoryUsage.rss() - before < 200 * 1024 * 1024);
  for (const line of lines) line.socket.destroy();
});

test('bodies that stop in the middle hold what they announced and no more: over the bound 429, and all of it is given back', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  log.add(receiptOf(1));
  const begun = Buffer.from(log.batch(0, 1)).subarray(0, 300);
  for (let round = 0; round < 3; round += 1) {
    const lines = Array.from({ length: 40 }, () => new Line(stage.url));
    for (const line of lines) {
      await line.write(`${HEAD}content-length: 4000000\r\n\r\n`);
      await line.write(begun);
    }
    await until('some are refused', () => lines.filter((line) => line.statuses()[0] === 429).length >= 20);
    assert.match(lines.find((line) => line.statuses()[0] === 429)?.said ?? '', /retry-after: 1/i);
    for (const line of lines) line.socket.destroy();
    await until('taken again', async () => (await post(stage.url, log.batch(0, 1))).status === 200, 5_000);
  }
  for (const said of ['content-length: 99999999', 'content-length: 4325441', `content-length: ${9e15}`]) {
    const line = new Line(stage.url);
    await line.write(`${HEAD}${said}\r\n\r\n`);
    await until(said, () => line.statuses().length > 0);
    assert.deepEqual(line.statuses(), [413]);
    line.socket.destroy();
  }
});

test('batches that follow each other on one connection without waiting are answered in order', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  for (let n = 0; n < 30; n += 1) log.add(receiptOf(n));
  const line = new Line(stage.url);
  const requests = Array.from({ length: 30 }, (_, n) => {
    const batch = Buffer.from(log.batch(n, n + 1));
    return Buffer.concat([Buffer.from(`${HEAD}content-length: ${batch.length}\r\n\r\n`), batch]);
  });
  await line.write(Buffer.concat(requests));
  await until('all are answered', () => line.statuses().length === 30);
  assert.deepEqual(new Set(line.statuses()), new Set([200]));
  assert.equal(stage.manager.overview().receipts, 30);
  line.socket.destroy();
});

test('thousands of reads on one connection are not all worked on at once: some are told to come back, and then all is well', async () => {
  const { stage } = await mirroring();
  await using _ = stage;
  await Promise.all(Array.from({ length: 300 }, (_, n) => stage.manager.syncReceipt(receiptOf(n), { waitFor: 'local' })));
  const line = new Line(stage.url);
  await line.write('GET /log/tile/entries/000 HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(3_000));
  await until('all are answered', () => line.statuses().length === 3_000);
  const counts = new Set(line.statuses());
  assert.deepEqual([...counts].sort(), [200, 429]);
  assert.equal((await fetch(`${stage.url}/log/tile/entries/000`)).status, 200);
  line.socket.destroy();
});
