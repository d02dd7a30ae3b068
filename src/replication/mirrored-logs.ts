import { type LogNumber, OWN_LOG, RECEIVED_LOG, type Recovered } from '../ports/log-store.ts';
import type { Signing } from './evidence.ts';

/** Logs that are mirrored for the first time get the next numbers. */
export function newMirrors({ cluster }: Signing, { logs }: Recovered): readonly { readonly log: LogNumber; readonly origin: string }[] {
  const known = new Set([...logs.values()].map(({ origin }) => origin));
  const next = Math.max(RECEIVED_LOG, ...logs.keys()) + 1;
  const origins = [...cluster.remotes.values()].map(({ logKey }) => logKey.name).filter((origin) => !known.has(origin));
  return origins.map((origin, n) => ({ log: next + n, origin }));
}

/** The origin lines of all logs that have one, the own one too. */
export function originLines({ logs }: Recovered, signing: Signing | undefined): ReadonlyMap<LogNumber, string> {
  const lines = new Map([...logs].flatMap(([log, { origin }]) => (origin === undefined ? [] : [[log, origin] as const])));
  return signing === undefined ? lines : lines.set(OWN_LOG, signing.signer.logKey.name);
}

/** Numbers of the mirrored logs, by region. */
export function logsByRegion({ logs }: Recovered, { cluster }: Signing): ReadonlyMap<string, LogNumber> {
  const numbers = [...cluster.remotes.values()].flatMap(({ region, logKey }) =>
    [...logs].flatMap(([log, { origin }]) => (origin === logKey.name ? [[region, log] as const] : [])),
  );
  return new Map(numbers);
}
