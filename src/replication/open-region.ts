import { NO_CHANGES } from '../ports/log-store.ts';
import { newMirrors } from './mirrored-logs.ts';
import { Region } from './region.ts';
import type { RegionPorts, RegionSettings } from './region-settings.ts';
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
