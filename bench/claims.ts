import { ETCD, LIBRARY, PG, POST, RANDOM, REDIS, RIVALS, STORED_RANDOM, STREAM, STREAM_PLAIN } from './plan.ts';
import type { Figures, Of } from './results.ts';

const rps: Of = (measured) => measured.rps;
const p50: Of = (measured) => measured.p50_ms;
const p99: Of = (measured) => measured.p99_ms;
const cpuUs: Of = (measured) => 1_000 * (measured.cpu_servers_s_per_1k + measured.cpu_client_s_per_1k);
const deviceKb: Of = (measured) => measured.dev_bytes_per_receipt / 1_000;

/** Something that is said of the product, the figure that bears it, and what the figure must be. */
interface Claim {
  readonly what: string;
  readonly unit: string;
  readonly measured: (figures: Figures) => number | undefined;
  /** What must hold now, and what the project is on its way to. */
  readonly now?: Bound;
  readonly aim?: Bound;
}

type Bound = { readonly least: number } | { readonly most: number };

const CLAIMS: readonly Claim[] = [
  over('128 callers, batch stream, to etcd put', { system: STREAM, reference: ETCD, callers: 128 }, { now: { least: 4 }, aim: { least: 8 } }),
  over('128 callers, batch stream, to PostgreSQL in batches', { system: STREAM, reference: PG, callers: 128 }, { aim: { least: 1 } }),
  over('128 callers, batch stream, to Redis WAIT', { system: STREAM, reference: REDIS, callers: 128 }, { aim: { least: 1.3 } }),
  over('1,024 callers, batch stream, to etcd put', { system: STREAM, reference: ETCD, callers: 1_024 }, { aim: { least: 10 } }),
  over('128 callers, one POST each, to etcd put', { system: POST, reference: ETCD, callers: 128 }, { now: { least: 1 }, aim: { least: 2 } }),
  {
    what: 'p50 of one caller, batch stream',
    unit: 'ms',
    measured: (figures) => figures.median(STREAM, 1, p50),
    now: { most: 2 },
  },
  {
    what: 'p50 of one caller, library, to etcd put',
    unit: '×',
    measured: (figures) => figures.ratio(LIBRARY, ETCD, { callers: 1, of: p50 }),
    aim: { most: 0.85 },
  },
  { what: 'p99 at 128 callers, batch stream', unit: 'ms', measured: (figures) => figures.median(STREAM, 128, p99), aim: { most: 10 } },
  { what: 'CPU of a receipt at 128 callers, servers and client', unit: 'µs', measured: (figures) => figures.median(STREAM, 128, cpuUs), aim: { most: 45 } },
  { what: 'bytes on the device of a receipt, three regions', unit: 'kB', measured: (figures) => figures.median(STREAM, 128, deviceKb), aim: { most: 1.8 } },
  {
    what: 'random ids to ids in time order, 128 callers',
    unit: '×',
    measured: (figures) => figures.ratio(RANDOM, STREAM, { callers: 128, of: rps }),
  },
  {
    what: 'with keys to without, 128 callers',
    unit: '×',
    measured: (figures) => figures.ratio(STREAM, STREAM_PLAIN, { callers: 128, of: rps }),
  },
  {
    what: '1 % conflicting ids to none, 128 callers',
    unit: '×',
    measured: (figures) => figures.ratio(RIVALS, STREAM, { callers: 128, of: rps }),
  },
  {
    what: 'a million stored and random ids to an empty store, 128 callers',
    unit: '×',
    measured: (figures) => quotient(figures.median(STORED_RANDOM, 128, rps), figures.median(STREAM, 128, rps)),
    aim: { least: 0.85 },
  },
  { what: 'VmHWM of an idle `serve`', unit: 'MB', measured: (figures) => figures.memoryMb(STREAM, 'idle'), now: { most: 128 } },
  { what: 'VmHWM of a `serve` after 128 callers, batch stream', unit: 'MB', measured: (figures) => figures.memoryMb(STREAM, 128), now: { most: 256 } },
  { what: 'VmHWM of a `serve` after 128 callers, one POST each', unit: 'MB', measured: (figures) => figures.memoryMb(POST, 128), now: { most: 256 } },
];

/** A table of every claim: what was measured, whether it holds, how far the aim is. */
export function claimsTable(figures: Figures): string {
  const rows = CLAIMS.map(({ what, unit, measured, now, aim }) => {
    const value = measured(figures);
    return `| ${what} | ${value === undefined ? 'not measured' : shown(value, unit)} | ${bound(now, value, unit)} | ${bound(aim, value, unit)} |`;
  });
  return ['### What is claimed', '', '| | measured | must be now | the project’s aim |', '|---|---:|---|---|', ...rows, ''].join('\n');
}

function over(
  what: string,
  of: { readonly system: string; readonly reference: string; readonly callers: number },
  bounds: { readonly now?: Bound; readonly aim?: Bound },
): Claim {
  return { what, unit: '×', measured: (figures) => figures.ratio(of.system, of.reference, { callers: of.callers, of: rps }), ...bounds };
}

function bound(wanted: Bound | undefined, value: number | undefined, unit: string): string {
  if (wanted === undefined) return '';
  const text = 'least' in wanted ? `≥ ${shown(wanted.least, unit)}` : `≤ ${shown(wanted.most, unit)}`;
  if (value === undefined) return text;
  const holds = 'least' in wanted ? value >= wanted.least : value <= wanted.most;
  return `${text}: ${holds ? 'yes' : '**no**'}`;
}

function shown(value: number, unit: string): string {
  const digits = unit === '×' || unit === 'ms' || unit === 'kB' ? 2 : 0;
  return `${Number(value.toFixed(digits))}${unit === '×' ? '' : ' '}${unit}`;
}

function quotient(value: number | undefined, by: number | undefined): number | undefined {
  return value === undefined || by === undefined ? undefined : value / by;
}
