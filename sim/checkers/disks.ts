import type { AlarmKind } from '../../src/log/alarm.ts';
import { toHex } from '../../src/std/bytes.ts';
import type { Host } from '../host.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import type { Acknowledged } from './checker.ts';

/** Has its region lost nothing: did it ever run on this one disk alone, and on no second machine? What is promised within the stated faults holds for it. */
export function isIntact(host: Host): boolean {
  return host.disks.length === 1 && host.cluster.filter(({ id }) => id === host.id).length === 1;
}

/** Does one of these alarms of the region stand anywhere? */
export function standsAgainst(hosts: readonly Host[], region: string, alarms: ReadonlySet<AlarmKind>): boolean {
  return hosts.some((host) => host.region?.overview().alarms.some((each) => each.region === region && alarms.has(each.alarm)) === true);
}

/** Every disk that a machine of this region ever ran on: what it has said may rest on one that is not in it any more. */
export function disksOf(hosts: readonly Host[], region: string): readonly MemoryDisk[] {
  return hosts.filter(({ id }) => id === region).flatMap(({ disks }) => disks);
}

/** Is this content on a disk that the region ever ran on, as the first one under its id? */
export function hasHeld(hosts: readonly Host[], { region, receiptId, digest }: Acknowledged): boolean {
  return disksOf(hosts, region).some(({ index }) => {
    const held = index.get(receiptId)?.digest;
    return held !== undefined && toHex(held) === digest;
  });
}

/** What those regions weigh together, to this one, that ever held this content. */
export function weightHolding(host: Host, hosts: readonly Host[], held: Omit<Acknowledged, 'region'>): number {
  return [...weightsOf(host)].reduce((sum, [region, weight]) => sum + (hasHeld(hosts, { region, ...held }) ? weight : 0), 0);
}

/** Of all regions, itself among them, as it was configured. */
export function weightsOf({ id, settings }: Host): ReadonlyMap<string, number> {
  return new Map([[id, settings.weight], ...settings.regions.map(({ regionId, weight }) => [regionId, weight] as const)]);
}
