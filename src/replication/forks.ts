import { parseLogText } from '../log/log-text.ts';
import type { EvidenceFiles } from '../ports/evidence-files.ts';
import { checkForkEvidence, type ForkEvidence, formatForkEvidence, parseForkEvidence } from '../quorum/fork-evidence.ts';
import { assert } from '../std/assert.ts';
import { sha256, toHex, utf8Bytes } from '../std/bytes.ts';
import { formatNote } from '../tlog/note.ts';
import type { VerifierKey } from '../tlog/vkey.ts';
import type { Alarms } from './alarms.ts';

/** Evidence files kept of one log: more of it proves no more. */
const FILES_MAX = 8;

export interface ForksOptions {
  readonly files: EvidenceFiles;
  readonly alarms: Alarms;
  /** The policy of this cluster: only what its keys have signed is of interest. */
  readonly policyText: string;
  /** The region of a log's key, by origin line. */
  readonly regionOf: (origin: string) => string | undefined;
}

/** Proofs that a log's key has signed two histories: each is kept as a file, raises an alarm, and is shown to the other regions while that stands. */
export class Forks {
  readonly #options: ForksOptions;
  /** The texts of the alarms that stand, by name. */
  readonly #shown = new Map<string, string>();
  /** One at a time: the second finds the alarm of the first. */
  #taking: Promise<void> = Promise.resolve();

  constructor(options: ForksOptions) {
    this.#options = options;
  }

  /** Reads what stands from before the start. */
  async start(): Promise<void> {
    for (const { evidence } of this.#standing()) {
      const text = await this.#options.files.read(evidence).catch(() => undefined);
      if (text !== undefined) this.#shown.set(evidence, text);
    }
  }

  /** What the other regions are shown: a proof needs nobody's word. */
  texts(): readonly string[] {
    return this.#standing().flatMap(({ evidence }) => this.#shown.get(evidence) ?? []);
  }

  /** Evidence that this region has found itself. */
  proved(evidence: ForkEvidence): Promise<void> {
    const text = formatForkEvidence(ordered(evidence));
    const report = checkForkEvidence(text, this.#options.policyText);
    assert(report.valid, 'evidence proves what it says');
    return this.#take(text);
  }

  /** Evidence that somebody shows: taken if it verifies. */
  async shown(text: string): Promise<void> {
    if (this.#shown.has(toHex(sha256(utf8Bytes(text)))) || !checkForkEvidence(text, this.#options.policyText).valid) return;
    // Written as this region would write it: what is kept has one form.
    await this.#take(formatForkEvidence(parseForkEvidence(text)));
  }

  #take(text: string): Promise<void> {
    this.#taking = this.#taking.then(() => this.#keep(text));
    return this.#taking;
  }

  async #keep(text: string): Promise<void> {
    const { alarms, files, regionOf } = this.#options;
    const { log, checkpoints } = parseForkEvidence(text);
    const region = regionOf(log.name);
    const name = toHex(sha256(utf8Bytes(text)));
    const raised = { alarm: 'fork', region: region ?? '', subject: name } as const;
    if (region === undefined || alarms.stands('fork', region) || alarms.isSettled(raised)) return;
    // Before the alarm: it names the file. A disk that refuses it is no reason to keep silent.
    const isKept = alarms.countOf('fork', region) < FILES_MAX && (await files.keep(text).then(isDone, () => false));
    if (isKept) this.#shown.set(name, text);
    await alarms.raise({ ...raised, message: messageOf(log, region, text), notes: checkpoints.map(formatNote), evidence: isKept ? name : undefined });
  }

  #standing(): readonly { readonly evidence: string }[] {
    return this.#options.alarms.standing.flatMap(({ alarm, evidence }) => (alarm === 'fork' && evidence !== undefined ? [{ evidence }] : []));
  }
}

/** The smaller size first; at equal sizes the texts' order, so that all regions name the same two alike. */
function ordered({ log, checkpoints, proof }: ForkEvidence): ForkEvidence {
  const [a, b] = checkpoints;
  const [sizeA, sizeB] = [parseLogText(a.text).size, parseLogText(b.text).size];
  return { log, proof, checkpoints: sizeA < sizeB || (sizeA === sizeB && a.text <= b.text) ? [a, b] : [b, a] };
}

function messageOf(log: VerifierKey, region: string, text: string): string {
  const [first, second] = parseForkEvidence(text).checkpoints.map((note) => parseLogText(note.text));
  const sizes = first?.size === second?.size ? `two roots at size ${first?.size}` : `a root at size ${first?.size} that its log of ${second?.size} never had`;
  return `The log key of ${region} has signed two histories of ${log.name}: ${sizes}`;
}

function isDone(): true {
  return true;
}
