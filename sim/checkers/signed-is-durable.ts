import { OWN_LOG } from '../../src/ports/log-store.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';
import { readText } from './texts.ts';

/** R1: at the moment a region cosigns a text every entry below its size is on the disk that it runs on (SPEC §2 "Cosignature"). */
export function signedIsDurable(): Checker {
  return {
    name: 'what is signed is durable',
    holdsBeyond: true,
    cosigned: (region, text, host) => {
      const { origin, size } = readText(text);
      const held = sizeOf(host, origin);
      if (held < size) throw new Violation(`${region} signs ${size} entries of ${origin} and has ${held} of them`);
    },
    finished: () => undefined,
  };
}

function sizeOf({ disk, signing }: Host, origin: string): number {
  const isOwn = origin === signing?.signer.logKey.name;
  const log = isOwn ? disk.logs.get(OWN_LOG) : [...disk.logs.values()].find((each) => each.origin === origin);
  return log?.size ?? 0;
}
