import { InvalidEvidenceError } from '../errors.ts';
import { toHex, utf8Text } from '../std/bytes.ts';
import { parseVerifierKey, TYPE_COSIGNATURE, TYPE_ED25519, type VerifierKey } from './vkey.ts';

/** Whose signatures make a checkpoint good (C2SP tlog-policy, with the extension lines `weight` and `quorum weight` of SPEC §5). */
export interface Policy {
  readonly logs: readonly VerifierKey[];
  /** By the name that groups use. */
  readonly witnesses: ReadonlyMap<string, VerifierKey>;
  readonly quorum: Quorum;
}

/** Which sets of witnesses are enough. */
export type Quorum =
  | { readonly kind: 'none' }
  | { readonly kind: 'witness'; readonly name: string }
  | { readonly kind: 'group'; readonly threshold: number; readonly members: readonly Quorum[] }
  /** Witnesses without a weight count 1. */
  | { readonly kind: 'weight'; readonly threshold: number; readonly weights: ReadonlyMap<string, number> };

/** A policy of a hundred regions and their logs takes a tenth of it. */
const BYTES_MAX = 256 * 1024;
const LINES_MAX = 4_096;
/** No group of groups of ours; others may have a few. */
const MEMBERS_MAX = 1_024;

/** Reads a policy strictly; throws InvalidEvidenceError with the number of the bad line. Text must be UTF-8. */
export function parsePolicy(bytes: Uint8Array | string): Policy {
  const text = typeof bytes === 'string' ? bytes : utf8Text(bytes);
  if (text === undefined || text.length > BYTES_MAX) throw new InvalidEvidenceError('policy', `is not UTF-8 of at most ${BYTES_MAX} bytes`);
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) throw new InvalidEvidenceError('policy', 'holds control characters');
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new InvalidEvidenceError('policy', 'does not end with a newline');
  if (lines.length > LINES_MAX) throw new InvalidEvidenceError('policy', `has more than ${LINES_MAX} lines`);
  const parsing = new Parsing();
  for (const [n, line] of lines.entries()) {
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    if (words.length > 0 && words[0]?.startsWith('#') !== true) parsing.take(words, n + 1);
  }
  return parsing.done();
}

/** Are these witnesses, each named once, enough? */
export function isQuorum(quorum: Quorum, witnesses: ReadonlySet<string>): boolean {
  switch (quorum.kind) {
    case 'none':
      return true;
    case 'witness':
      return witnesses.has(quorum.name);
    case 'group':
      return quorum.members.filter((member) => isQuorum(member, witnesses)).length >= quorum.threshold;
    case 'weight':
      return weightOf(quorum, witnesses) >= quorum.threshold;
  }
}

/** What they weigh where weights count. */
export function weightOf({ weights }: Quorum & { readonly kind: 'weight' }, witnesses: ReadonlySet<string>): number {
  return [...witnesses].reduce((sum, name) => sum + (weights.get(name) ?? 1), 0);
}

class Parsing {
  readonly #logs: VerifierKey[] = [];
  readonly #witnesses = new Map<string, VerifierKey>();
  readonly #named = new Map<string, Quorum>();
  readonly #members = new Set<string>();
  readonly #weights = new Map<string, number>();
  #quorum: Quorum | undefined;

  take([keyword = '', ...rest]: readonly string[], line: number): void {
    const refuse: Refuse = (problem) => {
      throw new InvalidEvidenceError('policy', `line ${line} ${problem}`);
    };
    switch (keyword) {
      case 'log':
        this.#log(rest, refuse);
        break;
      case 'witness':
        this.#witness(rest, refuse);
        break;
      case 'group':
        this.#group(rest, refuse);
        break;
      case 'quorum':
        this.#setQuorum(rest, refuse);
        break;
      case 'weight':
        this.#weight(rest, refuse);
        break;
      default:
        refuse(`begins with ${keyword.slice(0, 32)}, not with log, witness, group, quorum or weight`);
    }
  }

  done(): Policy {
    if (this.#quorum === undefined) throw new InvalidEvidenceError('policy', 'has no quorum line');
    if (this.#weights.size > 0 && this.#quorum.kind !== 'weight') throw new InvalidEvidenceError('policy', 'has weights but no quorum weight');
    return { logs: this.#logs, witnesses: this.#witnesses, quorum: this.#quorum };
  }

  #log(words: readonly string[], refuse: Refuse): void {
    const [vkey] = words;
    if (vkey === undefined || words.length > 2) refuse('is not log <vkey> [<url>]');
    const key = keyOf(vkey, TYPE_ED25519, refuse);
    if (this.#logs.some((known) => isSameKey(known, key) || known.name === key.name)) refuse('names a log a second time');
    this.#logs.push(key);
  }

  #witness(words: readonly string[], refuse: Refuse): void {
    const [name, vkey] = words;
    if (name === undefined || vkey === undefined || words.length > 3) refuse('is not witness <name> <vkey> [<url>]');
    const key = keyOf(vkey, TYPE_COSIGNATURE, refuse);
    if ([...this.#witnesses.values()].some((known) => isSameKey(known, key) || known.name === key.name)) refuse('names a witness a second time');
    this.#witnesses.set(name, key);
    this.#define(name, { kind: 'witness', name }, refuse);
  }

  #group(words: readonly string[], refuse: Refuse): void {
    const [name, count, ...names] = words;
    if (name === undefined || count === undefined || names.length === 0) refuse('is not group <name> <k|any|all> <name>...');
    if (new Set(names).size !== names.length || names.length > MEMBERS_MAX) refuse('lists a member twice, or too many');
    const threshold = count === 'all' ? names.length : count === 'any' ? 1 : decimal(count, refuse);
    if (threshold < 1 || threshold > names.length) refuse('has a threshold that its members can not reach');
    // C2SP: a name is a member once, so that a witness counts in one way; and so what is worked out is a tree.
    const again = names.find((member) => this.#members.has(member));
    if (again !== undefined) refuse(`names ${again.slice(0, 64)}, which is a member of a group already`);
    for (const member of names) this.#members.add(member);
    const members = names.map((member) => this.#named.get(member) ?? refuse(`names ${member.slice(0, 64)}, which no line before defines`));
    this.#define(name, { kind: 'group', threshold, members }, refuse);
  }

  #weight(words: readonly string[], refuse: Refuse): void {
    const [name, weight] = words;
    if (name === undefined || weight === undefined || words.length > 2) refuse('is not weight <witness> <n>');
    if (!this.#witnesses.has(name) || this.#weights.has(name)) refuse('gives a weight to no witness, or a second one');
    this.#weights.set(name, decimal(weight, refuse));
  }

  #setQuorum(words: readonly string[], refuse: Refuse): void {
    const [name, threshold] = words;
    if (this.#quorum !== undefined) refuse('is a second quorum');
    if (name === 'weight' && threshold !== undefined && words.length === 2) {
      const needed = decimal(threshold, refuse);
      if (needed === 0) refuse('asks for no weight');
      this.#quorum = { kind: 'weight', threshold: needed, weights: this.#weights };
      return;
    }
    if (name === undefined || words.length > 1) refuse('is not quorum <name>');
    this.#quorum = name === 'none' ? { kind: 'none' } : (this.#named.get(name) ?? refuse(`names ${name.slice(0, 64)}, which no line before defines`));
  }

  #define(name: string, quorum: Quorum, refuse: Refuse): void {
    if (name === 'none' || this.#named.has(name)) refuse('defines a name a second time');
    this.#named.set(name, quorum);
  }
}

type Refuse = (problem: string) => never;

function keyOf(vkey: string, type: VerifierKey['type'], refuse: Refuse): VerifierKey {
  const key = parseVerifierKey(vkey);
  return key.type === type ? key : refuse(`has a key of type ${key.type}, not ${type}`);
}

function isSameKey(a: VerifierKey, b: VerifierKey): boolean {
  return toHex(a.publicKey) === toHex(b.publicKey);
}

function decimal(text: string, refuse: Refuse): number {
  const value = Number(text);
  return /^(?:0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(value) ? value : refuse('has a number that is no decimal below 2^53');
}
