import type { Plant } from './plant.ts';

/** In what keeps a lying region from doing harm (SPEC §3.2, §4). */
export const LIES: readonly Plant[] = [
  {
    name: 'no alarm on a fork',
    teaches: 'A proved fork is written down, and nobody is told.',
    file: 'src/replication/forks.ts',
    find: 'await alarms.raise({ ...raised, message:',
    replace: 'void ({ ...raised, message:',
    by: 'liar',
  },
  {
    name: 'evidence of a fork not kept',
    teaches: 'The alarm says that there is evidence, and the file is not there.',
    file: 'src/replication/forks.ts',
    find: '(await files.keep(text).then(isDone, () => false))',
    replace: 'name.length > 0',
    by: 'liar',
  },
  {
    name: 'forks not shown to others',
    teaches: 'Regions do not show each other what they have of a log: a careful liar is found out by none.',
    file: 'src/replication/evidence.ts',
    find: 'return { checkpoints: [this.checkpoints.newest.note(), ...mirrored], evidence: this.#forks.texts() };',
    replace: 'return { checkpoints: mirrored.slice(0, 0), evidence: [] };',
    by: 'liar',
  },
  {
    name: 'claims ahead dropped',
    teaches: 'A signed checkpoint beyond the own size is not looked at again when the log has come so far.',
    file: 'src/replication/claims.ts',
    find: 'this.#ahead = [...this.#ahead, claim];',
    replace: 'this.#ahead = [];',
    by: 'liar',
  },
  {
    name: 'size believed without a signature',
    teaches: 'A number that anybody can answer makes a region believe that it has forgotten, and stop for good.',
    file: 'src/replication/forgetting.ts',
    find: '  if (size <= ownSize()) return UNPROVEN;\n',
    replace: '',
    by: 'liar',
  },
  {
    name: 'any signature taken for a cosignature',
    teaches: 'What a mirror answers is not verified: the signature of another text, or of another region, counts.',
    file: 'src/replication/mirror-link.ts',
    find: 'if (!verifyCosignature(remote.mirrorKey, text.text, line)) {',
    replace: 'if (line === undefined) {',
    by: 'liar',
  },
];
