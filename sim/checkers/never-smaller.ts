import { parseLogText } from '../../src/log/log-text.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';

/**
 * A cosignature says: this is the largest size I have seen. So a key signs no text of a log that is smaller than one it signed before, but
 * one that was durably to be signed by then (SPEC §3.2); where it does, and all that could know are there, somebody must have said that
 * it has forgotten, or is there twice.
 */
export function neverSmaller(): Checker {
  const signed = new Map<string, { readonly texts: Set<string>; largest: number }>();
  const smaller = new Map<string, string>();
  return {
    name: 'nobody signs less than before, or it is said',
    holdsBeyond: true,
    cosigned: (region, text, { disk }) => {
      const { origin, size } = parseLogText(text);
      const key = `${region} of ${origin}`;
      const before = signed.get(key) ?? { texts: new Set(), largest: 0 };
      signed.set(key, before);
      const isOfBefore = before.texts.has(text) || [...disk.logs.values()].some(({ texts }) => texts.some(({ note }) => note.startsWith(text)));
      if (size < before.largest && !isOfBefore) smaller.set(region, `${region} has signed ${size} entries of ${origin} after ${before.largest}`);
      before.texts.add(text);
      before.largest = Math.max(before.largest, size);
    },
    finished: (hosts) => {
      if (hosts.some(({ isOn }) => !isOn)) return;
      for (const [region, what] of smaller) if (!isSaid(hosts, region)) throw new Violation(what);
    },
  };
}

function isSaid(hosts: readonly Host[], region: string): boolean {
  return hosts.some(({ id, accused }) => id === region && accused.size > 0);
}
