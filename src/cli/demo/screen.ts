import { EXIT } from '../exit.ts';
import type { RegionProcess } from './region-process.ts';
import { type Progress, tamperWith } from './run.ts';
import { renderView } from './view.ts';

/** Ten pictures a second are smooth, and cost nothing. */
const REDRAW_MS = 100;
const CLEAR = '\u001b[H\u001b[J';
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';

interface ScreenOptions {
  readonly description: string;
  readonly regions: ReadonlyMap<string, RegionProcess>;
  readonly progress: Progress;
}

/** The live view on a terminal, with its keys: 1–3 kill or restart a region, t changes a byte in the store of one, q quits. */
export function liveScreen(options: ScreenOptions): { close(): void } {
  const startMs = performance.now();
  const regions = [...options.regions.values()];
  const colour = process.env['NO_COLOR'] === undefined || process.env['NO_COLOR'] === '';
  const draw = (): void => {
    const lines = regions.map(({ id, isUp }) => ({ id, isUp, owed: options.progress.owed.get(id) ?? 0 }));
    const view = renderView({ ...options, regions: lines, elapsedMs: performance.now() - startMs, colour });
    process.stderr.write(`${CLEAR}${view.join('\n')}`);
  };
  const press = (key: Buffer): void => {
    const name = key.toString('latin1');
    if (name === 'q' || name === '\u0003') process.exit(EXIT.negative);
    if (name === 't') void tamperSome(options);
    const region = regions[Number(name) - 1];
    if (region !== undefined) void toggle(region);
  };
  process.stderr.write(ENTER);
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  process.stdin.on('data', press);
  const timer = setInterval(draw, REDRAW_MS);
  const close = (): void => {
    clearInterval(timer);
    process.stdin.off('data', press);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stderr.write(LEAVE);
  };
  process.once('exit', close);
  return {
    close: () => {
      process.off('exit', close);
      close();
    },
  };
}

/** A region that will not start shows as down: the next key press tries again. */
async function toggle(region: RegionProcess): Promise<void> {
  await region.alone(() => (region.isUp ? region.kill() : region.start())).catch(() => undefined);
}

/** The last region that runs; where it does not answer just then, the next key press tries again. */
async function tamperSome({ regions, progress }: ScreenOptions): Promise<void> {
  const region = [...regions.values()].findLast(({ isUp }) => isUp);
  if (region !== undefined) await tamperWith(region, { regions, tell: () => undefined }, progress).catch(() => undefined);
}
