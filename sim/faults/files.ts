import type { MemoryDisk } from '../memory-disk.ts';
import { Random } from '../random.ts';
import type { Stage } from '../stage.ts';

const SLOW_MS_MAX = 400;

/** In some seeds files of evidence take their time, are refused by the disk, or are lost with the power while they are written. */
export function evidenceFiles(stage: Stage): void {
  const random = new Random(stage.seed ^ 0xf1_1e7f);
  if (!stage.has('evidence files') || !random.chance(0.7)) return;
  for (const { disk } of stage.hosts) disk.keeping = (running) => keep(stage, running, random);
}

async function keep(stage: Stage, disk: MemoryDisk, random: Random): Promise<void> {
  const life = disk.starts;
  await stage.clock.sleep(random.uniform() * SLOW_MS_MAX);
  if (disk.starts !== life || !disk.isOpen) return new Promise(() => undefined);
  const fault = random.pick(['none', 'refused', 'power'] as const);
  if (stage.isOver() || fault === 'none') return stage.happened('evidence kept');
  if (fault === 'refused') {
    stage.happened('evidence refused');
    throw new Error('EIO');
  }
  stage.happened('crash during keep');
  for (const host of stage.hosts) if (host.disk === disk) stage.powerCut(host, 200);
  return new Promise(() => undefined);
}
