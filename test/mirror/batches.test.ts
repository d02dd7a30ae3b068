import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { commitment, RECEIPT_ENTRY_BYTES, writeReceiptEntry } from '../../src/log/entry.ts';
import { utf8Bytes } from '../../src/std/bytes.ts';
import { formatNote, type Note, parseSignature } from '../../src/tlog/note.ts';
import { receiptOf, sealed } from '../receipts.ts';
import { frameOf, LogByHand, lp16, MirrorByHand, mirrorPath, post, type Said, Stage, signerOf } from './by-hand.ts';

/** A real region that mirrors a log which the test writes by hand, with its key. */
async function mirroring(): Promise<{ readonly stage: Stage; readonly log: LogByHand; readonly west: MirrorByHand }> {
  const west = await MirrorByHand.make('us-west-1');
  const stage = await Stage.open('us-east-1', [west.remote()], 2);
  stage.endWith(() => west.listening.close());
  return { stage, west, log: new LogByHand(west.signer) };
}

const text = (note: Note): Uint8Array => utf8Bytes(formatNote(note));

/** An entry of another kind with a body of so many bytes. */
function otherEntry(kind: number, bodyBytes: number, version = 1): Uint8Array {
  return Buffer.concat([Uint8Array.of(version, kind), new Uint8Array(8).fill(1), new Uint8Array(bodyBytes).fill(kind)]);
}

function short({ status, text: said }: Said): string {
  if (status !== 200) return `${status} ${said.startsWith('{') ? JSON.parse(said).detail : said.trim()}`;
  return said.startsWith('refused') ? `200 ${said.trim().replaceAll('\n', ', ')}` : '200 signed';
}

test('every rule of a batch, in the order given: what breaks one is refused, and leaves nothing behind', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  const say = async (bytes: Uint8Array): Promise<string> => short(await post(stage.url, bytes));
  const stranger = new LogByHand(signerOf('us-west-1')).add(receiptOf(1));
  const unknown = new LogByHand(signerOf('nobody')).add(receiptOf(1));
  assert.match(await say(stranger.batch(0, 1)), /^403 .*not signed by the key of its origin/);
  assert.match(await say(unknown.batch(0, 1)), /^404 /);
  assert.match(await say(new Uint8Array()), /^422 .*ends within its checkpoint/);
  assert.match(await say(utf8Bytes('RSB2aaaa')), /^422 .*does not begin with RSB1/);
  assert.equal(await say(log.batch(0, 0)), '200 signed');
  log.add(receiptOf(0), receiptOf(1), receiptOf(2));
  // (a) comes first: a bad signature over a body that is none.
  const [line] = log.note(3).signatures;
  assert.ok(line !== undefined);
  const unsigned: Note = { text: log.note(3).text, signatures: [{ ...line, signature: randomBytes(64) }] };
  assert.match(await say(log.batch(0, 3, { checkpoint: text(unsigned), frame: randomBytes(50) })), /^403/);
  // (b) before (c): beyond what is held, whatever it holds.
  assert.equal(await say(log.batch(1, 3)), '409 0');
  assert.equal(await say(log.batch(1, 3, { frame: frameOf([...log.items.slice(0, 2)]) })), '409 0');
  assert.equal(await say(log.batch(3, 3)), '409 0');
  // Sizes that do not fit each other.
  for (const change of [{ start: 1 }, { count: 2 }, { count: 4 }, { start: Number.MAX_SAFE_INTEGER, count: 1 }, { count: 8_193 }, { count: 0 }])
    assert.match(await say(log.batch(0, 3, change)), /^422/, JSON.stringify(change));
  // (c) what an entry commits to.
  const [first, second, third] = log.items;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, (bytes[at] ?? 0) ^ 1);
  for (const [items, problem] of [
    [[first, { ...second, salt: flipped(second.salt, 3) }, third], /at 1 a receipt that its entry does not commit to/],
    [[first, { ...second, canonical: sealed(receiptOf(9)).canonical }, third], /at 1 a receipt that its entry does not commit to/],
    [[first, { ...second, canonical: flipped(second.canonical, 0) }, third], /at 1 no canonical receipt/],
    [[first, { ...second, canonical: Buffer.concat([second.canonical, Uint8Array.of(0)]) }, third], /at 1 no canonical receipt/],
    [[first, { ...second, canonical: Uint8Array.of(1) }, third], /at 1 no canonical receipt/],
    [[first, { ...second, entry: second.entry.subarray(0, 41) }, third], /at 1 no entry/],
    [[first, { ...second, entry: new Uint8Array() }, third], /at 1 no entry/],
    [[first, { ...second, entry: otherEntry(6, 3) }, third], /at 1 a receipt where there can be none/],
    [[first, second, { ...third, canonical: new Uint8Array(65_535) }], /at 2 a receipt where there can be none/],
    [[first, second], /fewer entries/],
    [[first, second, third, third], /more entries/],
    [[first, second, { ...third, entry: otherEntry(1, 32, 2) }], /at 2 no entry/],
  ] as const)
    assert.match(await say(log.batch(0, 3, { frame: frameOf(items) })), new RegExp(`^422 .*${problem.source}`));
  for (const tail of [Uint8Array.of(0), Uint8Array.of(0, 42), lp16(first.entry), Buffer.concat([lp16(first.entry), Uint8Array.of(0, 9, 1)])])
    assert.match(await say(log.batch(0, 3, { frame: Buffer.concat([frameOf(log.items), tail]) })), /^422 .*(does not add up|more entries)/);
  // (d) entries that are whole and lead elsewhere.
  assert.match(await say(log.batch(0, 3, { frame: frameOf([second, first, third]) })), /^422 .*do not lead to the signed root/);
  assert.match(await say(log.batch(0, 3, { checkpoint: text(log.note(3, { root: randomBytes(32) })) })), /^422 /);
  assert.equal((await fetch(`${stage.url}${mirrorPath(log.signer)}/checkpoint`).then((answer) => answer.text())).split('\n')[1], '0');
  assert.equal(await say(log.batch(0, 3)), '200 signed');
  assert.equal(stage.manager.overview().receipts, 3);
  // Overlap: the same again, from before, with the same or other content.
  assert.equal(await say(log.batch(0, 3)), '200 signed');
  assert.equal(await say(log.batch(1, 2)), '409 3');
  log.add(receiptOf(3));
  assert.equal(await say(log.batch(2, 4)), '200 signed');
  const fork = new LogByHand(log.signer).add(receiptOf(5), receiptOf(6), receiptOf(7), receiptOf(8), receiptOf(9));
  assert.match(await say(fork.batch(0, 5)), /^422/);
  assert.match(await say(fork.batch(0, 4)), /^422 .*fork/);
  assert.match(await say(fork.batch(4, 4)), /^422 .*fork/);
  assert.equal(stage.manager.overview().receipts, 4);
  assert.equal(stage.manager.isReady(), true);
});

test('entries of every kind are stored and served; a receipt’s entry that comes without its receipt is refused', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  const say = async (bytes: Uint8Array): Promise<string> => short(await post(stage.url, bytes));
  for (const kind of [0, 2, 5, 6, 255]) log.addEntry(otherEntry(kind, kind === 255 ? 16 * 1024 : kind));
  assert.equal(await say(log.batch(0, 5)), '200 signed');
  assert.match(await say(new LogByHand(log.signer).addEntry(otherEntry(9, 16 * 1024 + 1)).batch(0, 1)), /^409 5|^422/);
  log.addEntry(otherEntry(9, 16 * 1024 + 1));
  assert.match(await say(log.batch(5, 6)), /^422 .*at 5 no entry/);
  log.items.pop();
  const entry = new Uint8Array(RECEIPT_ENTRY_BYTES);
  writeReceiptEntry(entry, 0, { recordedAt: 2n ** 64n - 1n, commitment: commitment(randomBytes(16), randomBytes(32)) });
  log.addEntry(entry).add(receiptOf(1));
  assert.equal(await say(log.batch(5, 7)), '200 refused 5-5');
  assert.equal(await say(log.batch(7, 7)), '200 refused 5-5');
  const named = log.note(7, { refused: [{ region: 'us-east-1', first: 5, last: 5 }] });
  assert.equal(await say(log.batch(7, 7, { checkpoint: text(named) })), '200 signed');
  const bundle = await fetch(`${stage.url}${mirrorPath(log.signer)}/tile/entries/000.p/7`);
  assert.deepEqual(Buffer.from(await bundle.arrayBuffer()), Buffer.concat(log.items.map((item) => lp16(item.entry))));
  // Times that no clock has shown yet are stored; nothing here stops for them.
  const listed: string[] = [];
  for await (const { receipt } of stage.manager.receipts()) listed.push(receipt.receiptId);
  assert.deepEqual(listed, ['rec-1']);
  await stage.stop();
  await stage.start();
  assert.equal(await say(log.batch(7, 7, { checkpoint: text(named) })), '200 signed');
});

test('the bounds of a batch hold exactly: 8,192 entries and 4 MiB, and not one more', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  const say = async (bytes: Uint8Array): Promise<string> => short(await post(stage.url, bytes));
  const full = Array.from({ length: 8_192 }, (_, n) => otherEntry(9, n % 7));
  for (const entry of full) log.addEntry(entry);
  assert.equal(await say(log.batch(0, 8_192)), '200 signed');
  log.addEntry(otherEntry(9, 0));
  assert.match(await say(log.batch(0, 8_193)), /^422 .*more than 8192 entries/);
  assert.equal(await say(log.batch(8_192, 8_193)), '200 signed');
  // 4 MiB: 255 entries of 16,446 bytes with their lengths, and one that fills it up.
  const start = log.size;
  const large = 16 * 1024;
  const item = 4 + 10 + large;
  const count = Math.floor((4 * 1024 * 1024) / item);
  for (let n = 0; n < count; n += 1) log.addEntry(otherEntry(9, large));
  log.addEntry(otherEntry(9, 4 * 1024 * 1024 - count * item - 14));
  assert.equal(frameOf(log.items.slice(start)).length, 4 * 1024 * 1024);
  log.addEntry(otherEntry(9, 1));
  assert.match(await say(log.batch(start, log.size)), /^422 .*4 MiB/);
  log.items.pop();
  assert.equal(await say(log.batch(start, log.size)), '200 signed');
});

test('batches that come before their turn wait a second within bounds; two with one start, or more than may wait, are told at once', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  for (let n = 0; n < 70; n += 1) log.add(receiptOf(n));
  const started = performance.now();
  const timed = async (bytes: Uint8Array): Promise<readonly [string, number]> => [short(await post(stage.url, bytes)), performance.now() - started];
  const twice = await Promise.all([timed(log.batch(1, 2)), timed(log.batch(1, 3))]);
  assert.deepEqual(
    twice.map(([said]) => said),
    ['409 0', '409 0'],
  );
  const waits = twice.map(([, ms]) => ms).sort((a, b) => a - b);
  assert.ok((waits[0] ?? 0) < 800 && (waits[1] ?? 0) > 900, String(waits));
  const many = await Promise.all(Array.from({ length: 69 }, (_, n) => post(stage.url, log.batch(n + 1, n + 2))));
  assert.ok(many.every(({ status, text: size }) => status === 409 && size === '0\n'));
  // All at once, in any order: each is signed once those before it are there.
  const shuffled = Array.from({ length: 40 }, (_, n) => n).sort(() => Math.random() - 0.5);
  const answers = await Promise.all(shuffled.map((n) => post(stage.url, log.batch(n, n + 1))));
  assert.deepEqual(
    answers.map(short).filter((said) => said !== '200 signed'),
    [],
  );
  assert.equal(stage.manager.overview().receipts, 40);
  // The same batch from two connections at once gets one signature.
  const [one, other] = await Promise.all([post(stage.url, log.batch(40, 70)), post(stage.url, log.batch(40, 70))]);
  assert.deepEqual([one.status, one.text], [200, other.text]);
  assert.equal(stage.manager.overview().receipts, 70);
});

test('the newest checkpoint of a log is shown also where a refusal keeps it from being cosigned: an origin that has forgotten it learns of it', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  await stage.manager.syncReceipt(receiptOf(0, { ticks: 7 }), { waitFor: 'local' });
  log.add(receiptOf(0));
  assert.match(short(await post(stage.url, log.batch(0, 1))), /^200 refused/);
  const { checkpoints }: { readonly checkpoints: readonly string[] } = JSON.parse(await (await fetch(`${stage.url}/checkpoints`)).text());
  assert.deepEqual(
    checkpoints.filter((note) => note.startsWith(log.signer.logKey.name)),
    [formatNote(log.note(1))],
  );
});

test('a certified checkpoint with a line of nobody, where somebody is refused, is asked for once more: it may have been spoilt on its way', async () => {
  const { stage, log, west } = await mirroring();
  await using _ = stage;
  log.add(receiptOf(0), receiptOf(1));
  const certifiedOf = async (size: number): Promise<Note> => {
    const note = log.note(size, { refused: [{ region: 'us-west-1', first: 0, last: 0 }] });
    const said = await post(stage.url, log.batch(0, size, { checkpoint: text(note) }));
    assert.equal(said.status, 200);
    return { text: note.text, signatures: [...note.signatures, parseSignature(said.text.trim()), west.signer.cosign(note.text, 1)] };
  };
  const tell = async (size: number, certified: Note): Promise<number> => {
    const note = log.note(size, { refused: [{ region: 'us-west-1', first: 0, last: 0 }] });
    return (await post(stage.url, log.batch(size, size, { checkpoint: text(note), certified: text(certified) }))).status;
  };
  const whole = await certifiedOf(2);
  // The key of the last line is nobody's: what is left is no quorum.
  const spoilt = { ...whole, signatures: whole.signatures.map((line, n) => (n === 2 ? { ...line, keyId: line.keyId ^ 1 } : line)) };
  assert.deepEqual([await tell(2, spoilt), await tell(2, spoilt), await tell(2, whole)], [503, 200, 200]);
  // With one line more than it takes it is taken at once, and asked for once more all the same: it may have been the line of somebody.
  log.add(receiptOf(2));
  const third = await certifiedOf(3);
  const more = { ...third, signatures: [...third.signatures, signerOf('nobody').cosign(third.text, 1)] };
  assert.deepEqual([await tell(3, more), await tell(3, more), await tell(3, third)], [503, 200, 200]);
});

test('a hundred thousand entries that come without their receipts cost no more and more', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  const spans: number[] = [];
  for (let n = 0; n < 12; n += 1) {
    const start = log.size;
    for (let k = 0; k < 4_096; k += 1) {
      const entry = new Uint8Array(RECEIPT_ENTRY_BYTES);
      writeReceiptEntry(entry, 0, { recordedAt: BigInt(start + k), commitment: randomBytes(32) });
      log.addEntry(entry).addEntry(otherEntry(9, 0));
    }
    const batch = log.batch(start);
    const from = performance.now();
    const said = await post(stage.url, batch);
    spans.push(performance.now() - from);
    assert.equal(said.text.split('\n').length, 1_025);
  }
  const [early, late] = [spans.slice(1, 4), spans.slice(-3)].map((some) => Math.min(...some));
  assert.ok((late ?? 0) < 4 * (early ?? 0) + 200, spans.map(Math.round).join(' '));
});
