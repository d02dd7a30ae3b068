import { parseBatch } from '../src/log/batch.ts';
import { OWN_LOG } from '../src/ports/log-store.ts';
import type { SyncEvent } from '../src/ports/observer.ts';
import type { MirrorAnswer } from '../src/ports/receiving.ts';
import type { Host } from './host.ts';
import type { Arrived } from './net.ts';
import type { Stage } from './stage.ts';

/** What a world tells of what happened in it, by names that can be asked for (`sometimes.ts`). Looked at from outside alone. */
export class Tellings {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
    stage.net.onTrouble = (what) => stage.count(what);
    stage.net.sizeOf = (origin, mirror) => {
      const { disk } = stage.hosts.find(({ id }) => id === mirror) ?? {};
      return [...(disk?.logs.values() ?? [])].find((log) => log.origin?.includes(`/${origin}/`))?.size ?? 0;
    };
    stage.net.onBatch = (arrived) => this.#batch(arrived);
  }

  /** By kind; what a kind says in a few words, too. */
  event(event: SyncEvent): void {
    const { count } = this.#counter();
    count(event.kind);
    if (event.kind === 'alarm') count(`alarm ${event.alarm}`);
    else if (event.kind === 'circuit') count(`circuit ${event.state}`);
    else if (event.kind === 'gave-up') count(`gave up ${event.reason}: ${plain(event.message)}`);
    else if (event.kind === 'refused') count(`refused there: ${plain(event.message)}`);
    else if (event.kind === 'conflict') count(`conflict from ${event.from}`);
    else if (event.kind === 'store-failed') count(`store failed ${event.untilRestart ? 'until restart' : 'for now'}`);
    else if (event.kind === 'verified') count(`verified ${event.verdict}`);
  }

  /** What only the disks show, at the end. */
  finished(): void {
    for (const host of this.#stage.hosts) for (const what of shownBy(host)) this.#stage.count(what);
  }

  #batch({ batch, answer, sizeBefore }: Arrived): void {
    const { count } = this.#counter();
    count(`answered ${nameOf(answer)}`);
    if (answer.kind !== 'cosigned' && answer.kind !== 'refuses' && answer.kind !== 'size') return;
    const { start, count: entries } = parseBatch(batch);
    if (entries === 0) count(`asked and answered ${answer.kind}`);
    if (answer.kind !== 'size' && entries > 0 && start > sizeBefore) count('parked and taken');
    if (answer.kind === 'size' && entries > 0 && start > answer.size) count('parked in vain');
  }

  #counter(): { readonly count: (what: string) => void } {
    return { count: (what) => this.#stage.count(what) };
  }
}

function shownBy({ disk, signing }: Host): readonly string[] {
  const own = disk.logs.get(OWN_LOG);
  const again = [...disk.index.values()].flatMap(({ places }) => places.filter(({ log }) => log === OWN_LOG).slice(1));
  const kept = [...disk.logs.values()].flatMap((log) => log.kept);
  return [
    ...again.map(() => 'appended again'),
    ...kept.map(({ slot }) => (slot > 0 ? 'kept for ever' : 'kept for now')),
    ...[...disk.parked.values()].map(({ status, code }) => `parked for good ${status} ${code}`),
    ...((own?.refused.length ?? 0) > (signing?.refusedLinesMax ?? 0) ? ['more refused than lines'] : []),
    ...((own?.joined.length ?? 0) > 0 ? ['joined lines'] : []),
    ...(disk.forgot === undefined ? [] : ['forgot']),
  ];
}

function nameOf(answer: MirrorAnswer): string {
  if (answer.kind !== 'rejected') return answer.kind;
  return `${answer.status} ${plain(answer.reason)}`;
}

/** A message without what differs from seed to seed: names of regions and numbers. */
export function plain(message: string): string {
  return message
    .replace(/region-\d+/g, 'R')
    .replace(/\d+/g, 'N')
    .slice(0, 100);
}
