import { ACCUSATIONS } from '../beyond.ts';
import type { Host } from '../host.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import { type Checker, Violation } from './checker.ts';
import { isIntact, standsAgainst } from './disks.ts';
import { readText } from './texts.ts';

/** A signature over less than the same key had signed before. */
interface Smaller {
  readonly host: Host;
  readonly disk: MemoryDisk;
  readonly message: string;
  /** Regions that had it durably, by then, that there was more. */
  readonly witnesses: readonly Host[];
  /** Somebody has accused the region since. */
  isSaid: boolean;
}

/**
 * A cosignature says: this is the largest size I have seen. So a key signs no text of a log that is smaller than one it signed before, but
 * one that was durably to be signed by then (SPEC §3.2). Who has lost nothing never does. Where another does, and somebody who is there at
 * the end had it durably that it was more, somebody must say that it has forgotten, or is there twice. Of a disk that another has replaced
 * nobody needs to have found out: it may have been there for a moment only (beyond seed 600382).
 */
export function neverSmaller(): Checker {
  const signed = new Map<string, { readonly texts: Set<string>; largest: number }>();
  const smaller: Smaller[] = [];
  return {
    name: 'nobody signs less than before, or it is said',
    holdsBeyond: true,
    cosigned: (region, text, host) => {
      const { origin, size } = readText(text);
      const key = `${region} of ${origin}`;
      const before = signed.get(key) ?? { texts: new Set(), largest: 0 };
      signed.set(key, before);
      const isOfBefore = before.texts.has(text) || [...host.disk.logs.values()].some(({ texts }) => texts.some(({ note }) => note.startsWith(text)));
      if (size < before.largest && !isOfBefore) smaller.push(judged(host, { origin, size, largest: before.largest }));
      before.texts.add(text);
      before.largest = Math.max(before.largest, size);
    },
    accused: (region) => {
      for (const each of smaller) if (each.host.id === region) each.isSaid = true;
    },
    finished: (hosts) => {
      for (const { host, disk, witnesses, message, isSaid } of smaller) {
        const canBeSaid = host.region !== undefined && host.disk === disk && witnesses.some(({ region }) => region !== undefined);
        if (canBeSaid && !isSaid && !standsAgainst(hosts, host.id, ACCUSATIONS)) throw new Violation(message);
      }
    },
  };
}

/** Throws for a region that has lost nothing; of one that has, somebody else has to know that there was more. */
function judged(host: Host, { origin, size, largest }: { readonly origin: string; readonly size: number; readonly largest: number }): Smaller {
  const message = `${host.id} has signed ${size} entries of ${origin} after ${largest}`;
  if (isIntact(host)) throw new Violation(message);
  const witnesses = host.cluster.filter((other) => other.id !== host.id && sizeKnownTo(other, origin, host.id) > size);
  return { host, disk: host.disk, message, witnesses, isSaid: false };
}

/** How much of a log this disk says that there was: its own copy, or what the region has cosigned of its own. */
function sizeKnownTo({ disk, signing }: Host, origin: string, region: string): number {
  if (origin === signing?.signer.logKey.name) return disk.cosigned.get(region)?.size ?? 0;
  return origin.includes(`/${region}/`) ? ([...disk.logs.values()].find((log) => log.origin === origin)?.size ?? 0) : 0;
}
