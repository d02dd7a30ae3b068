import { OWN_LOG } from '../../src/ports/log-store.ts';
import { toHex } from '../../src/std/bytes.ts';
import { EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { isQuorum } from '../../src/tlog/policy.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';

/** R5, R7: once faults have stopped every mirror has its origin's log, with the same size and root, and its cosignature is known there. */
export function sameLogs(): Checker {
  return {
    name: 'mirrors have the same logs',
    finished: (hosts) => {
      for (const origin of hosts) for (const mirror of hosts) if (isMirrored(origin, mirror)) compare(origin, mirror);
    },
  };
}

function isMirrored(origin: Host, mirror: Host): boolean {
  return origin.signing?.cluster.remotes.has(mirror.id) === true && mirror.signing?.cluster.remotes.has(origin.id) === true;
}

function compare(origin: Host, mirror: Host): void {
  const own = headOf(origin, undefined);
  const copy = headOf(mirror, origin.signing?.signer.logKey.name);
  if (own !== copy) throw new Violation(`${mirror.id} has ${copy} of the log of ${origin.id}, which is ${own}`);
  const size = origin.disk.logs.get(OWN_LOG)?.size ?? 0;
  const cosigned = origin.disk.cosigned.get(mirror.id)?.size ?? 0;
  checkCertified(origin, mirror, size);
  // What weighs nothing may refuse without a word (SPEC §4).
  const isEnough = mirror.settings.weight > 0 ? cosigned === size : cosigned <= size;
  if (!isEnough) throw new Violation(`${mirror.id} has cosigned ${cosigned} entries of ${origin.id}, which has ${size}`);
}

function headOf(host: Host, name: string | undefined): string {
  const log = name === undefined ? host.disk.logs.get(OWN_LOG) : [...host.disk.logs.values()].find(({ origin }) => origin === name);
  return `${log?.size ?? 0} entries with root ${toHex(rootOf(log?.edge ?? EMPTY_EDGE))}`;
}

/** Liveness: what enough regions have signed is known as certified to every mirror, for it to make certificates without the origin. */
function checkCertified(origin: Host, mirror: Host, size: number): void {
  const cluster = origin.signing?.cluster;
  if (cluster === undefined || !isQuorum(cluster.policy.quorum, new Set(cluster.policy.witnesses.keys()))) return;
  const kept = [...mirror.disk.logs.values()].find((log) => log.origin === origin.signing?.signer.logKey.name)?.certified?.size;
  if (kept !== size) throw new Violation(`${mirror.id} knows ${origin.id}'s log as certified up to ${kept ?? 'nothing'}, of ${size}`);
}
