import { type LogNumber, NO_CHANGES, RECEIVED_LOG, type Recovered } from '../ports/log-store.ts';
import type { Signing } from './evidence.ts';
import { Region, type RegionPorts, type RegionSettings } from './region.ts';
import { soundRecovered } from './sound-notes.ts';

/** Opens a region: recovers its logs and begins to deliver what is owed. Rejects with StoreFailedError if the store can't be read. */
export async function openRegion(settings: RegionSettings, ports: RegionPorts): Promise<Region> {
  const { signing, store } = ports;
  const before = await store.recover();
  const news = signing === undefined || before.forgot !== undefined ? [] : newMirrors(signing, before);
  if (news.length > 0) await store.commit({ ...NO_CHANGES, mirrored: news });
  const recovered = news.length > 0 ? await store.recover() : before;
  const sound = signing === undefined ? { recovered, problems: [] } : soundRecovered(recovered, signing.cluster);
  const region = new Region(settings, ports, sound.recovered);
  region.start(sound.problems);
  return region;
}

/** Logs that are mirrored for the first time get the next numbers. */
function newMirrors({ cluster }: Signing, { logs }: Recovered): readonly { readonly log: LogNumber; readonly origin: string }[] {
  const known = new Set([...logs.values()].map(({ origin }) => origin));
  const next = Math.max(RECEIVED_LOG, ...logs.keys()) + 1;
  const origins = [...cluster.remotes.values()].map(({ logKey }) => logKey.name).filter((origin) => !known.has(origin));
  return origins.map((origin, n) => ({ log: next + n, origin }));
}
