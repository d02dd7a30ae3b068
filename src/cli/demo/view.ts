import type { ConflictReport } from './conflict.ts';
import type { Progress } from './run.ts';
import { tamperText } from './tamper.ts';

const WIDTH = 78;
const BAR = 40;

/** What the live view shows of one region. */
export interface RegionLine {
  readonly id: string;
  readonly isUp: boolean;
  readonly owed: number;
}

/** The live view as lines of at most 78 columns. Pure; `colour` adds ANSI. */
export function renderView(view: {
  readonly description: string;
  readonly regions: readonly RegionLine[];
  readonly progress: Progress;
  readonly elapsedMs: number;
  readonly colour: boolean;
}): readonly string[] {
  const { description, regions, progress, elapsedMs, colour } = view;
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const done = progress.total === 0 ? 1 : progress.certified / progress.total;
  const bar = '█'.repeat(Math.round(done * BAR)).padEnd(BAR, '░');
  const rate = Math.round((progress.certified * 1_000) / Math.max(1, elapsedMs));
  return [
    paint(1, 'receipt-sync demo: three regions, quorum 2 of 3'),
    description.slice(0, WIDTH),
    '',
    ...regions.map(
      ({ id, isUp, owed }, n) =>
        `  [${n + 1}] ${id.padEnd(12)} ${isUp ? paint(32, '● up  ') : paint(31, '✗ down')}  ${owed > 0 ? paint(33, `owed ${owed}`) : 'owed 0'}`,
    ),
    '',
    `  ${bar} ${progress.certified}/${progress.total} at quorum`,
    `  ${rate}/s   p50 ${shown(percentile(progress.latenciesMs, 0.5))}   p99 ${shown(percentile(progress.latenciesMs, 0.99))}   pending ${progress.pending}   refused ${progress.refused}`,
    '',
    ...progress.recent.map(({ receiptId, ms }) => `  ${receiptId.slice(0, 56).padEnd(56)} ${shown(ms).padStart(9)}`),
    ...(progress.tampers.length === 0 ? [] : ['', ...progress.tampers.slice(-3).map((tampered) => `  ${tamperText(tampered)}`.slice(0, WIDTH + 20))]),
    ...conflictLines(progress.conflict).map((line) => `  ${line}`),
    '',
    '  1 2 3: kill or restart that region   t: change a byte in a store   q: quit',
  ];
}

/** What became of two contents under one id, as lines. */
export function conflictLines(conflict: ConflictReport | undefined): readonly string[] {
  if (conflict === undefined) return [];
  const { receiptId, regions, certifiedIn } = conflict;
  const ends = regions.map(({ region, digest, certified, refuses }) => {
    const other = refuses === null ? 'knows of no other' : `refuses ${refuses.slice(0, 12)}`;
    return `  ${region.padEnd(12)} holds ${digest.slice(0, 12)}, ${certified ? 'certified    ' : 'not certified'}, ${other}`;
  });
  return [`${receiptId.slice(0, 40)}: two contents, ${certifiedIn === null ? 'NOT decided' : `that of ${certifiedIn} is certified`}`, ...ends];
}

/** The value below which the share `p` of all lies; 0 of nothing. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0;
}

function shown(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}
