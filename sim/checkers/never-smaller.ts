import { parseLogText } from '../../src/log/log-text.ts';
import type { Host } from '../host.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import { type Checker, Violation } from './checker.ts';

/**
 * A cosignature says: this is the largest size I have seen. So a key signs no text of a log that is smaller than one it signed before, but
 * one that was durably to be signed by then (SPEC §3.2); where it does, and somebody who is there at the end had it durably that it was
 * more, somebody must have said that it has forgotten, or is there twice. Of a disk that another has replaced nobody needs to have found
 * out: it may have been there for a moment only (beyond seed 600382).
 */
export function neverSmaller(): Checker {
  const signed = new Map<string, { readonly texts: Set<string>; largest: number }>();
  const smaller = new Map<MemoryDisk, string>();
  return {
    name: 'nobody signs less than before, or it is said',
    holdsBeyond: true,
    cosigned: (region, text, host) => {
      const { origin, size } = parseLogText(text);
      const key = `${region} of ${origin}`;
      const before = signed.get(key) ?? { texts: new Set(), largest: 0 };
      signed.set(key, before);
      const isOfBefore = before.texts.has(text) || [...host.disk.logs.values()].some(({ texts }) => texts.some(({ note }) => note.startsWith(text)));
      if (size < before.largest && !isOfBefore && isKnown(host, { origin, size }))
        smaller.set(host.disk, `${region} has signed ${size} entries of ${origin} after ${before.largest}`);
      before.texts.add(text);
      before.largest = Math.max(before.largest, size);
    },
    finished: (hosts) => {
      if (hosts.some(({ isOn }) => !isOn)) return;
      for (const { id, disk } of hosts) {
        const signedLess = smaller.get(disk);
        if (signedLess !== undefined && !isSaid(hosts, id)) throw new Violation(signedLess);
      }
    },
  };
}

/** A region that has lost nothing does it never; of one that has, somebody else has to know that there was more. */
function isKnown(host: Host, { origin, size }: { readonly origin: string; readonly size: number }): boolean {
  const hosts = host.cluster;
  const hasLost = host.disks.length > 1 || hosts.filter(({ id }) => id === host.id).length > 1;
  return !hasLost || hosts.some((other) => other.id !== host.id && sizeKnownTo(other, origin, host.id) > size);
}

/** How much of a log this disk says that there was: its own copy, or what the region has cosigned of its own. */
function sizeKnownTo({ disk, signing }: Host, origin: string, region: string): number {
  if (origin === signing?.signer.logKey.name) return disk.cosigned.get(region)?.size ?? 0;
  return origin.includes(`/${region}/`) ? ([...disk.logs.values()].find((log) => log.origin === origin)?.size ?? 0) : 0;
}

function isSaid(hosts: readonly Host[], region: string): boolean {
  return hosts.some(({ id, accused }) => id === region && accused.size > 0);
}
