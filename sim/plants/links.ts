import type { Plant } from './plant.ts';

/** In what is sent, what is still owed, and where a link goes on. */
export const LINKS: readonly Plant[] = [
  {
    name: 'timeout counted as an acknowledgement',
    teaches: 'A remote that does not answer in time is taken to have the receipt.',
    file: 'src/replication/link.ts',
    find: "if (delivery.kind === 'failed') return this.#settleFailure(",
    replace: "if (delivery.kind === 'failed' && delivery.failure.code !== 'TIMEOUT') return this.#settleFailure(",
  },
  {
    name: 'offset moved before the acknowledgement',
    teaches: 'What is on the wire is no longer owed: after a crash it is not sent again.',
    file: 'src/replication/owed.ts',
    find: 'this.calls.firstIndex(), ...this.#parking, ...this.#sent]',
    replace: '...this.#parking]',
  },
  {
    name: 'restarted without the offset',
    teaches: 'After a start a link owes nothing of what is in the log already.',
    file: 'src/replication/links.ts',
    find: 'offset: recovered.offsets.find(({ region }) => region === regionId)?.offset ?? 0,',
    replace: 'offset: recovered.logs.get(OWN_LOG)?.size ?? 0,',
  },
  {
    name: 'plain link resumes one too far',
    teaches: 'The first entry above the offset is never sent again.',
    file: 'src/replication/owed.ts',
    find: 'this.#backlog.add(Math.min(start.offset, start.size), start.size);',
    replace: 'this.#backlog.add(Math.min(start.offset + 1, start.size), start.size);',
  },
  {
    name: 'mirror link resumes one too far',
    teaches: 'A link begins behind the entry that the mirror has asked for.',
    file: 'src/replication/mirror-link.ts',
    find: 'this.#known = Math.max(size, this.#trust.isForgotten',
    replace: 'this.#known = Math.max(size + 1, this.#trust.isForgotten',
  },
  {
    name: 'put off and forgotten',
    teaches: 'What could not be delivered within a call is not tried again.',
    file: 'src/replication/owed.ts',
    find: '    this.#deferred.add(index, index + 1);\n    if (this.#deferred.fragments',
    replace: '    if (this.#deferred.fragments',
  },
  {
    name: 'refusal not owed again',
    teaches: 'A refusal that the store could not record is dropped (corpus seed 1018).',
    file: 'src/replication/owed.ts',
    find: '      this.defer(index, outcome.dueMs);\n      return;',
    replace: '      return;',
  },
  {
    name: 'sync point never fixed when idle',
    teaches: 'An origin that falls idle leaves its last entries without a common text: they are never certified.',
    file: 'src/replication/checkpoints.ts',
    find: 'this.#sync !== this.#newest) this.#setSync(this.#newest);',
    replace: 'this.#sync !== this.#newest) this.#syncFixedMs = 0;',
  },
  {
    name: 'certified text not told',
    teaches: 'Mirrors are not told what is certified: without the origin nobody can prove anything.',
    file: 'src/replication/telling.ts',
    find: 'return certifiedSync === this.#sync ? undefined : certifiedSync;',
    replace: 'return undefined;',
  },
  {
    name: 'start number taken for a directory',
    teaches: 'A region that was restarted looks like another one: a late message of its earlier life accuses it.',
    file: 'src/replication/instances.ts',
    find: "const directory = instance?.split('-')[0];",
    replace: 'const directory = instance;',
  },
  {
    name: 'old answer taken for forgetting',
    teaches: 'A 409 that was overtaken by a cosignature is held against what the mirror has cosigned since (corpus seed 534617).',
    file: 'src/replication/mirror-link.ts',
    find: 'this.#trust.judge(size, flight.cosigned);',
    replace: 'this.#trust.judge(size, this.#coverage.cosigned.size);',
  },
];
