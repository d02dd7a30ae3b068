import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { parseLogText } from '../../src/log/log-text.ts';
import { equalBytes, sha256, toHex, utf8Bytes } from '../../src/std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { leafHash } from '../../src/tlog/hash.ts';
import { parseNote } from '../../src/tlog/note.ts';
import { Prover } from '../../src/tlog/prover.ts';
import { TILE_WIDTH, TileNodes, tilePath, tileWidth } from '../../src/tlog/tile.ts';
import { verifyCertificate } from '../../src/verify.ts';
import { MirroredCluster, until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';

/** The sizes of the issue; the large ones with `LARGE=1`, they take a minute. */
const SIZES = process.env['LARGE'] === '1' ? [0, 1, 255, 256, 257, 65_536, 65_793] : [0, 1, 255, 256, 257, 600];

async function get(base: string, path: string): Promise<Uint8Array> {
  const response = await fetch(`${base}/${path}`);
  assert.equal(response.status, 200, path);
  return new Uint8Array(await response.arrayBuffer());
}

/** Rebuilds the log from what is served, as anybody could who has only HTTP: entries hash to the tiles, tiles to the root. */
async function audit(base: string): Promise<number> {
  const { size, root } = parseLogText(parseNote(await get(base, 'checkpoint')).text);
  let edge = EMPTY_EDGE;
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = tileWidth(size, 0, index);
    const bundle = Buffer.from(await get(base, tilePath({ kind: 'entries', level: 0, index, width })));
    const leaves: Uint8Array[] = [];
    for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at)) leaves.push(leafHash(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at))));
    const tile = await get(base, tilePath({ kind: 'tile', level: 0, index, width }));
    assert.ok(equalBytes(Buffer.concat(leaves), tile), `entries ${index}`);
    edge = append(edge, tile).edge;
  }
  assert.ok(equalBytes(rootOf(edge), root));
  const prover = new Prover(async (level, index, width) => new TileNodes(await get(base, tilePath({ kind: 'tile', level, index, width }))));
  assert.ok(equalBytes(await prover.root(size), root));
  return size;
}

test(`logs of ${SIZES.join(', ')} entries are served as tiles by their origin and by a mirror, and their certificates verify`, async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2 });
  const here = cluster.region('here');
  const there = cluster.region('there');
  const mirror = `${there.url}/mirror/${toHex(sha256(utf8Bytes('test.example.com/here/log/1')))}`;
  let stored = 0;
  for (const size of SIZES) {
    while (stored < size) {
      const count = Math.min(4_000, size - stored);
      const some = Array.from({ length: count }, (_, n) => here.manager.syncReceipt(receiptOf(stored + n)));
      await Promise.all(some);
      stored += count;
    }
    assert.equal(await audit(`${here.url}/log`), size);
    if (size > 0) await until('the mirror has it', async () => (await audit(mirror).catch(() => -1)) === size);
    for (const n of size === 0 ? [] : [0, size - 1, Math.floor(size / 2)]) {
      for (const region of [here, there]) {
        await until(`${region.id} certifies ${n} of ${size}`, async () => {
          const certificate = await region.manager.getCertificate(`rec-${n}`).catch(() => undefined);
          return certificate !== undefined && (await verifyCertificate({ certificate, receipt: receiptOf(n), policy: cluster.policy('here') })).valid;
        });
      }
    }
  }
});

test('tiles are immutable, cacheable and zipped where that is wanted; what is none is 404, and nothing is served for a log that is not there', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2 });
  const here = cluster.region('here');
  await Promise.all(Array.from({ length: 300 }, (_, n) => here.manager.syncReceipt(receiptOf(n))));
  const tile = await fetch(`${here.url}/log/tile/0/000`, { headers: { 'accept-encoding': 'gzip' } });
  assert.deepEqual([tile.headers.get('content-encoding'), (await tile.arrayBuffer()).byteLength], ['gzip', 8_192]);
  assert.match(tile.headers.get('cache-control') ?? '', /immutable/);
  const plain = await fetch(`${here.url}/log/tile/entries/000`, { headers: { 'accept-encoding': 'identity' } });
  assert.deepEqual([plain.headers.get('content-encoding'), (await plain.arrayBuffer()).byteLength], [null, 256 * 44]);
  const checkpoint = await fetch(`${here.url}/log/checkpoint`);
  assert.deepEqual([checkpoint.headers.get('content-type'), checkpoint.headers.get('cache-control')], ['text/plain; charset=utf-8', 'public, max-age=1']);
  for (const path of [
    'log/tile/0/001',
    'log/tile/0/001.p/45',
    'log/tile/0/0',
    'log/tile/2/000',
    'log/tile/0/000.p/0',
    'log/',
    'log/x',
    'mirror/00/checkpoint',
    `mirror/${'0'.repeat(64)}/checkpoint`,
  ])
    assert.equal((await fetch(`${here.url}/${path}`)).status, 404, path);
  assert.equal(
    (await fetch(`${here.url}/log/tile/0/001.p/44`, { method: 'HEAD', headers: { 'accept-encoding': 'identity' } })).headers.get('content-length'),
    String(44 * 32),
  );
});

test('a log is whole at every checkpoint that is served while it grows, here and at a mirror, and its proofs are those of that size', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2 });
  const here = cluster.region('here');
  const mirror = `${cluster.region('there').url}/mirror/${toHex(sha256(utf8Bytes('test.example.com/here/log/1')))}`;
  let isGrowing = true;
  const growing = (async () => {
    for (let n = 0; n < 60; n += 1) await Promise.all(Array.from({ length: 17 }, (_, k) => here.manager.syncReceipt(receiptOf(`${n}-${k}`))));
    isGrowing = false;
  })();
  const sizes = new Set<number>();
  // Nothing is served of it before its first batch.
  await until('the mirror has begun', async () => (await audit(mirror).catch(() => 0)) > 0);
  while (isGrowing) {
    sizes.add(await audit(`${here.url}/log`));
    sizes.add(await audit(mirror));
  }
  await growing;
  assert.ok(sizes.size > 5, String([...sizes]));
  assert.equal(await audit(`${here.url}/log`), 60 * 17);
});

test('partial tiles of every width are the beginning of the tile, also when it is full; names that tlog-tiles would write otherwise are none', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2 });
  const here = cluster.region('here');
  await Promise.all(Array.from({ length: 300 }, (_, n) => here.manager.syncReceipt(receiptOf(n))));
  const full = await get(`${here.url}/log`, 'tile/0/000');
  const bundle = await get(`${here.url}/log`, 'tile/entries/000');
  for (let width = 1; width < 256; width += 1) {
    assert.deepEqual(await get(`${here.url}/log`, `tile/0/000.p/${width}`), full.slice(0, 32 * width));
    assert.deepEqual(await get(`${here.url}/log`, `tile/entries/000.p/${width}`), bundle.slice(0, 44 * width));
  }
  const none = [
    '0/000.p/0',
    '0/000.p/256',
    '0/000.p/01',
    '0/000.p/',
    '0/000.p',
    '0/x000/000',
    '0/x000/001',
    '00/000',
    '0/00',
    '0/0000',
    '0/001.p/45',
    '1/000.p/2',
  ];
  const worse = [
    '64/000',
    '0/x999/x999/x999/x999/x999/999',
    '-1/000',
    '0/-01',
    'entries/000/',
    '0//000',
    '0/000%2ep/5',
    '0/../0/000',
    '1e0/000',
    '0/000.p/5/6',
  ];
  for (const path of [...none, ...worse]) {
    const status = await rawStatus(here.url, `/log/tile/${path}`);
    assert.equal(status, 404, path);
  }
  assert.equal((await get(`${here.url}/log`, 'tile/1/000.p/1')).length, 32);
  for (const [accept, encoding] of [
    ['gzip', 'gzip'],
    ['GZIP;q=0, *', null],
    ['gzip;q=0', null],
    ['gzip;q=0.0', null],
    ['br, gzip;q=0.5', 'gzip'],
    ['identity', null],
    ['xgzip', null],
  ] as const) {
    const answer = await fetch(`${here.url}/log/tile/0/000`, { headers: { 'accept-encoding': accept } });
    assert.equal(answer.headers.get('content-encoding'), encoding, accept);
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), full);
    assert.equal(answer.headers.get('vary'), 'accept-encoding');
  }
  assert.equal((await fetch(`${here.url}/log/tile/0/000`, { method: 'POST' })).status, 405);
});

/** The status for a path as it is: fetch would tidy it up. */
function rawStatus(base: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base);
    request({ hostname, port, path }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}
