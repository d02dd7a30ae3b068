import { InvalidConfigError } from '../errors.ts';

/** Names that a region and its cluster give to logs and keys (SPEC §2, "Names and keys"). */
export interface RegionName {
  readonly cluster: string;
  readonly region: string;
}

/** Every log begins with it; a region that has forgotten opens the next (SPEC §2.1). */
export const FIRST_EPOCH = 1;
/** What the origin line of a text ends with that names refusals (SPEC §4). */
export const REFUSED_SUFFIX = '/refused';

/** `D/R/log/E`: the origin line of a region's log, and the name of its key. */
export function logOrigin({ cluster, region }: RegionName, epoch: number = FIRST_EPOCH): string {
  return `${cluster}/${region}/log/${epoch}`;
}

/** `D/R/mirror`: the name of a region's cosigner. */
export function mirrorName({ cluster, region }: RegionName): string {
  return `${cluster}/${region}/mirror`;
}

/** The region of a cosigner's name, or `undefined` if it is none of this project's. */
export function regionOfMirror(name: string): string | undefined {
  return /^[^/]+\/([^/]+)\/mirror$/.exec(name)?.[1];
}

/** The region of an origin line, or `undefined` if it is none of this project's. */
export function regionOfOrigin(origin: string): string | undefined {
  return /^[^/]+\/(.+)\/log\/[1-9]\d*$/.exec(origin)?.[1];
}

/** Refuses names that can't stand in keys and origin lines: spaces, plus, slashes, nothing. Throws InvalidConfigError. */
export function checkNames({ cluster, region }: RegionName): void {
  for (const [path, name] of [
    ['cluster', cluster],
    ['region.id', region],
  ] as const) {
    if (!/^[^\s\u0085+/\u0000-\u001f]{1,128}$/u.test(name))
      throw new InvalidConfigError([{ path, message: `${path} "${name.slice(0, 128)}" can't stand in the name of a key: no spaces, plus or slashes` }]);
  }
}
