// Loaded into a `serve` by --import: at SIGUSR2 it writes the delay of its event loop since the last time to LOOP_LAG_FILE.
// Plain JavaScript: a loader for types would show in the memory that is measured.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

// The store's worker is started with the same flags.
if (isMainThread) {
  const lag = monitorEventLoopDelay({ resolution: 10 });
  lag.enable();
  process.on('SIGUSR2', () => {
    const ms = (nanoseconds) => Math.round(nanoseconds / 1e4) / 100;
    writeFileSync(process.env.LOOP_LAG_FILE, JSON.stringify({ p50: ms(lag.percentile(50)), p99: ms(lag.percentile(99)), max: ms(lag.max) }));
    lag.reset();
  });
}
