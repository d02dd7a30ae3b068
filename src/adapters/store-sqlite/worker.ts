import { deserialize } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { InvalidConfigError, ReceiptSyncError, StoreFailedError } from '../../errors.ts';
import { newestEntries, storeClaims, structureFaults } from './claims.ts';
import { Engine } from './engine.ts';
import type { Answer, Call, Refusal } from './messages.ts';
import type { StoreIdentity } from './open.ts';
import { Reader } from './reader.ts';

/** The one thread that touches the files: answers calls in the order they come. */
function serve(identity: StoreIdentity): void {
  const engine = new Engine(identity);
  const reader = new Reader(engine.database, engine.rare);
  parentPort?.on('message', (call: Call) => {
    const answer = answerTo(call, engine, reader);
    parentPort?.postMessage(answer);
    if (call.op === 'close') parentPort?.close();
    else engine.checkpointIfDue();
  });
  parentPort?.postMessage({ id: 0, value: undefined } satisfies Answer);
}

function answerTo(call: Call, engine: Engine, reader: Reader): Answer {
  try {
    return { id: call.id, value: resultOf(call, engine, reader) };
  } catch (error) {
    return { id: call.id, refusal: refusalOf(error) };
  }
}

function resultOf(call: Call, engine: Engine, reader: Reader): unknown {
  switch (call.op) {
    case 'recover':
      return engine.recover();
    case 'commit':
      return commit(call, engine, reader);
    case 'probe':
      return engine.probe();
    case 'entries':
      return reader.entries(call.log, call.from, call.bytesMax);
    case 'tile':
      return reader.tile(call.log, call.level, call.index);
    case 'last-arrival':
      return reader.lastArrival();
    case 'arrivals':
      return reader.arrivals(call.afterSeq, call.bytesMax);
    case 'find':
      return reader.find(call.lines.split('\n'));
    case 'get':
      return reader.get(call.receiptId);
    case 'list':
      return reader.list(call.query);
    case 'claims':
      return storeClaims(engine.database);
    case 'newest':
      return newestEntries(engine.database, call.count);
    case 'structure':
      return structureFaults(engine.database);
    case 'close':
      return engine.close();
  }
}

/** What is known of the ids that were to be new, or nothing: then it is durable. */
function commit({ changes, unlessKnown }: Call & { readonly op: 'commit' }, engine: Engine, reader: Reader): ReturnType<Reader['find']> {
  engine.checkWritable();
  const known = unlessKnown === undefined ? [] : reader.find(unlessKnown.split('\n'));
  if (known.length === 0) engine.commit(deserialize(changes), changes);
  return known;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof StoreFailedError) return { kind: 'store-failed', message: error.message, untilRestart: error.untilRestart };
  if (error instanceof InvalidConfigError) return { kind: 'invalid-config', issues: error.issues };
  if (error instanceof ReceiptSyncError) return { kind: 'refused', code: error.code, message: error.message };
  return { kind: 'store-failed', message: String(error), untilRestart: true };
}

try {
  serve(workerData);
} catch (error) {
  parentPort?.postMessage({ id: 0, refusal: refusalOf(error) } satisfies Answer);
  parentPort?.close();
}
