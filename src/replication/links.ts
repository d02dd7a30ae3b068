import { isNamed } from '../log/log-text.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import { OWN_LOG, type Recovered, type RemoteCosigned, type RemoteOffset } from '../ports/log-store.ts';
import type { Observer } from '../ports/observer.ts';
import type { Peer } from '../ports/peer.ts';
import type { SigningRegion } from '../quorum/cluster-policy.ts';
import type { Roster } from '../quorum/roster.ts';
import type { Alarms } from './alarms.ts';
import type { Committer, OwnGrowth } from './commit.ts';
import type { Evidence } from './evidence.ts';
import { disproved } from './forgetting.ts';
import { Link, type RegionLink } from './link.ts';
import { MirrorCalls } from './mirror-calls.ts';
import { MirrorLink } from './mirror-link.ts';
import { Owed } from './owed.ts';
import type { Between } from './own-conflicts.ts';
import type { Tail } from './tail.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** One remote as the configuration has it. */
export interface LinkedRemote {
  readonly regionId: string;
  readonly timeoutMs: number;
  readonly peer: Peer;
}

export interface LinksOptions {
  readonly remotes: readonly LinkedRemote[];
  readonly maxRetries: number;
  readonly retryBackoffMs: number;
  readonly tail: Tail;
  readonly room: WaitingRoom;
  readonly roster: Roster;
  readonly committer: Committer;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly observe: Observer;
  readonly alarms: Alarms;
  /** What this region signs; without it every link is plain. */
  readonly evidence: Evidence | undefined;
  readonly mirrors: ReadonlyMap<string, SigningRegion>;
  readonly headers: { readonly policy: string; readonly instance: string };
  readonly onForgotten: (reason: string) => void;
}

/** The links of one region, in the order of its remotes: mirrors where the remote has keys, plain ones beside them (SPEC §3). */
export class Links {
  readonly all: readonly RegionLink[];
  readonly #options: LinksOptions;
  readonly #plain: readonly Link[];
  readonly #mirrored: readonly MirrorLink[];
  /** Of the mirrored ones, by region. */
  readonly #calls = new Map<string, MirrorCalls>();

  constructor(options: LinksOptions, recovered: Recovered) {
    this.#options = options;
    this.all = options.remotes.map((remote, position) => {
      const mirror = options.mirrors.get(remote.regionId);
      if (mirror === undefined || options.evidence === undefined) return plainLink(options, recovered, { remote, position });
      const calls = new MirrorCalls({ ...options, regionId: remote.regionId, position });
      this.#calls.set(remote.regionId, calls);
      const isReachedByOthers = (size: number): boolean => this.#isReached(size, position);
      return mirrorLink(options, recovered, { remote, calls, mirror, evidence: options.evidence, isReachedByOthers });
    });
    this.#plain = this.all.filter((link) => link instanceof Link);
    this.#mirrored = this.all.filter((link) => link instanceof MirrorLink);
  }

  start(): void {
    const { alarms, remotes } = this.#options;
    for (const [n, link] of this.all.entries()) {
      const region = remotes[n]?.regionId ?? '';
      if (!(link instanceof MirrorLink)) continue;
      if (alarms.stands('two-instances', region)) link.distrust(true);
      alarms.onChange((change) => {
        if (change.alarm === 'two-instances' && change.region === region) link.distrust(change.stands);
      });
    }
    for (const link of this.all) link.start();
  }

  stop(): void {
    for (const link of this.all) link.stop();
  }

  /** Own entries are durable: every link owes them, plain ones the receipts among them. */
  grown(grown: OwnGrowth): void {
    const { tail, evidence } = this.#options;
    const { groups, receipts, head } = grown;
    const start = groups[0]?.start ?? head.size;
    if (this.#plain.length > 0) tail.append({ start, end: head.size }, receipts);
    for (const link of this.#plain) link.owe(start, { receipts: receipts.length, size: head.size });
    evidence?.grown(grown, (size) => {
      for (const link of this.#mirrored) link.grown(size);
    });
  }

  /** What every mirror should see has changed. */
  look(): void {
    for (const link of this.#mirrored) link.look();
  }

  /** Is the weight that has all entries below `size` enough without this remote? */
  #isReached(size: number, without: number): boolean {
    const { roster } = this.#options;
    const weight = roster.remotes.reduce(
      (sum, remote, n) => sum + (n !== without && (this.all[n]?.offset ?? 0) >= size ? remote.weight : 0),
      roster.localWeight,
    );
    return weight >= roster.threshold;
  }

  /** Regions are out of the count for entries that they do not refuse: whoever waits for them waits in vain. */
  outOfCount({ ranges, moves }: Between): void {
    for (const range of ranges) this.#calls.get(range.region)?.outOfCount(range, moves);
  }

  /** A receipt stands at another place: whoever waits for it there is rung for. */
  moved(from: number, to: { readonly index: number; readonly receiptId: string }): void {
    for (const calls of this.#calls.values()) calls.moved(from);
    for (const link of this.all) link.ring(to.index, to.receiptId);
  }

  offsets(): readonly RemoteOffset[] {
    return this.all.flatMap((link, n) => (link instanceof Link ? [{ region: this.#options.remotes[n]?.regionId ?? '', offset: link.offset }] : []));
  }

  /** The largest checkpoint that each mirror has cosigned. */
  cosigned(): readonly RemoteCosigned[] {
    return this.#mirrored.map((link) => link.cosigned).filter(({ note }) => note !== '');
  }
}

interface At {
  readonly remote: LinkedRemote;
  readonly position: number;
}

interface MirroredAt {
  readonly remote: LinkedRemote;
  readonly calls: MirrorCalls;
  readonly mirror: SigningRegion;
  readonly evidence: Evidence;
  readonly isReachedByOthers: (size: number) => boolean;
}

function plainLink(options: LinksOptions, recovered: Recovered, { remote, position }: At): Link {
  const { room, committer, clock } = options;
  const { regionId } = remote;
  const owed = new Owed({
    offset: recovered.offsets.find(({ region }) => region === regionId)?.offset ?? 0,
    size: recovered.logs.get(OWN_LOG)?.size ?? 0,
    refused: recovered.parked.filter(({ region }) => region === regionId),
  });
  const listener = {
    acknowledged: (index: number) => room.spoken(index, position, { word: 'acknowledged' }),
    refused: (index: number, failure: Parameters<typeof room.gaveUp>[2]) => room.spoken(index, position, { word: 'refused', failure }),
    attemptFailed: (index: number, failure: Parameters<typeof room.gaveUp>[2]) => room.attemptFailed(index, position, failure),
    gaveUp: (index: number, failure: Parameters<typeof room.gaveUp>[2]) => room.gaveUp(index, position, failure),
  };
  return new Link(
    {
      ...options,
      remote,
      peer: remote.peer,
      listener,
      progressed: () => committer.progressed(),
      park: (index, { status = 0, code, message }) =>
        committer.park({ region: regionId, index, status, code: code === 'CONFLICT' ? code : 'REFUSED', message, atMs: clock.wallMs() }),
    },
    owed,
  );
}

function mirrorLink(options: LinksOptions, recovered: Recovered, at: MirroredAt): MirrorLink {
  const { remote, calls, mirror, evidence, isReachedByOthers } = at;
  const { regionId, timeoutMs, peer } = remote;
  return new MirrorLink(
    {
      ...options,
      regionId,
      timeoutMs,
      peer,
      calls,
      isReachedByOthers,
      remote: mirror,
      checkpoints: evidence.checkpoints,
      groups: evidence.groups,
      disproved: (ownSize, signal) => disproved(options, { remote, logKey: evidence.logKey, ownSize, signal }),
      rootAt: (size) => evidence.reader.prover.root(size),
      checkStretch: (stretch) => evidence.checkStretch(stretch),
      isOut: (index) => evidence.conflicts.isOut(regionId, index),
      onCosigned: (from, text) => {
        calls.cosigned(from, text.size, (index) => isNamed(text, regionId, index) || evidence.checkpoints.refusals.refuses(regionId, index));
        options.committer.progressed();
      },
      onRefused: async (ranges) => {
        if (!(await evidence.conflicts.refuse(regionId, ranges))) return false;
        calls.refusedWithin(ranges);
        return true;
      },
    },
    { size: recovered.logs.get(OWN_LOG)?.size ?? 0, cosigned: recovered.cosigned.find(({ region }) => region === regionId) },
  );
}
