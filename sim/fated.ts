import type { LogStore } from '../src/ports/log-store.ts';
import type { Peer } from '../src/ports/peer.ts';
import type { ReceiptIndex } from '../src/ports/receipt-index.ts';
import type { Receiving } from '../src/ports/receiving.ts';
import type { Fate } from './fate.ts';

/** A store whose every call may be the last. */
export function fatedStore(store: LogStore & ReceiptIndex, fate: Fate | undefined): LogStore & ReceiptIndex {
  if (fate === undefined) return store;
  return {
    recover: () => fate.during('recover', () => store.recover()),
    commit: (changes, unlessKnown) => fate.during('commit', () => store.commit(changes, unlessKnown)),
    probe: () => fate.during('probe', () => store.probe()),
    entries: (log, from, bytesMax) => fate.during('entries', () => store.entries(log, from, bytesMax)),
    tile: (log, level, index) => fate.during('tile', () => store.tile(log, level, index)),
    find: (ids) => fate.during('find', () => store.find(ids)),
    get: (id) => fate.during('get', () => store.get(id)),
    list: (query) => fate.during('list', () => store.list(query)),
    close: () => fate.ifAimedAt('close', () => store.close()),
  };
}

/** The same of what it asks others. */
export function fatedPeer(peer: Peer, fate: Fate | undefined): Peer {
  if (fate === undefined) return peer;
  return {
    deliver: (parcels, options) => fate.during('deliver', () => peer.deliver(parcels, options)),
    mirror: (batch, options) => fate.during('mirror', () => peer.mirror(batch, options)),
    read: (receiptId, signal) => fate.during('read', () => peer.read(receiptId, signal)),
    shown: (signal) => fate.during('shown', () => peer.shown(signal)),
    close: () => peer.close(),
  };
}

/** The same of what others ask it. A process that has died gives no answer. */
export function fatedListener(region: Receiving, fate: Fate | undefined, isAlive: () => boolean): Receiving {
  if (fate === undefined) return region;
  const asked = <T>(what: string, answer: () => Promise<T>): Promise<T> => whileAlive(() => fate.during(what, answer), isAlive);
  return {
    regionId: region.regionId,
    receive: (receipts) => asked('receive', () => region.receive(receipts)),
    getStored: (receiptId) => asked('getStored', () => region.getStored(receiptId)),
    admitBatch: (checkpoint) => region.admitBatch(checkpoint),
    receiveBatch: (origin, bytes, headers) => asked('receiveBatch', () => region.receiveBatch(origin, bytes, headers)),
    originOf: (log) => region.originOf(log),
    servedLog: (originHash) => region.servedLog(originHash),
    shown: () => region.shown(),
    isReady: () => region.isReady(),
  };
}

/** A process that has died sends nothing, and hears of no answer. */
export function mortalPeer(peer: Peer, isAlive: () => boolean): Peer {
  return {
    deliver: (parcels, options) => whileAlive(() => peer.deliver(parcels, options), isAlive),
    mirror: (batch, options) => whileAlive(() => peer.mirror(batch, options), isAlive),
    read: (receiptId, signal) => whileAlive(() => peer.read(receiptId, signal), isAlive),
    shown: (signal) => whileAlive(() => peer.shown(signal), isAlive),
    close: () => peer.close(),
  };
}

async function whileAlive<T>(ask: () => Promise<T>, isAlive: () => boolean): Promise<T> {
  const never = (): Promise<never> => new Promise(() => undefined);
  if (!isAlive()) return never();
  const answer = await ask();
  return isAlive() ? answer : never();
}
