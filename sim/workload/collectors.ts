import { ReceiptSyncError } from '../../src/errors.ts';
import type { Region } from '../../src/replication/region.ts';
import { Violation } from '../checkers/checker.ts';
import type { Host } from '../host.ts';
import { recur, type Stage } from '../stage.ts';
import { rivalry } from './clients.ts';

/** The newest ids: what they are certified by changes from one signature to the next. */
const IDS = 5;
const ROUNDS = 25;
const ROUND_MS = 8;

/**
 * Where ids have two contents and who has signed decides what a text certifies: those who come for the certificates of the newest receipts
 * again and again. What a process has proved once it proves whenever it is asked.
 */
export function collectors(stage: Stage): void {
  if (rivalry(stage) === undefined) return;
  recur(stage, { feature: 'collectors', salt: 0xc0_11ec, share: 0.6, mostMs: 3_000 }, (random) => {
    const host = random.pick(stage.hosts);
    if (host.region !== undefined) void collect(stage, host, host.region);
  });
}

async function collect(stage: Stage, host: Host, region: Region): Promise<void> {
  const life = host.starts;
  const ids = [...host.disk.index.keys()].slice(-IDS);
  const given = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const id of ids) {
      const code = await region.certificate(id, 'fewest').then(
        () => 'given',
        (error: unknown) => (error instanceof ReceiptSyncError ? error.code : error),
      );
      // What a dead process says nobody hears.
      if (host.starts !== life || host.region !== region) return;
      if (typeof code !== 'string') stage.failed(code);
      else if (code === 'given') given.add(id);
      else if (code === 'NOT_CERTIFIED' && given.has(id))
        stage.failed(new Violation(`seed ${stage.seed}: what was proved stays proved: ${host.id} has no certificate of ${id} any more`));
      stage.count(`collected: ${String(code)}`);
    }
    await stage.clock.sleep(ROUND_MS);
  }
}
