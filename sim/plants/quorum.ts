import type { Plant } from './plant.ts';

/** In what counts, and what is called certified. */
export const QUORUM: readonly Plant[] = [
  {
    name: 'threshold minus one',
    teaches: 'A quorum is called before the threshold is reached.',
    file: 'src/quorum/tally.ts',
    find: 'if (weight >= roster.threshold)',
    replace: 'if (weight >= roster.threshold - 1)',
  },
  {
    name: 'weights ignored',
    teaches: 'Every region counts one.',
    file: 'src/quorum/tally.ts',
    find: 'weight += remote.weight;',
    replace: 'weight += 1;',
  },
  {
    name: 'refusal counted',
    teaches: 'Whoever has said anything counts, refusals too.',
    file: 'src/quorum/tally.ts',
    find: "if (words[n] !== 'acknowledged') continue;",
    replace: 'if (words[n] === undefined) continue;',
  },
  {
    name: 'certified by anybody',
    teaches: 'A text is called certified as soon as one region has signed it.',
    file: 'src/replication/checkpoints.ts',
    find: '!text.isCertified && isQuorum(policy.quorum, new Set(text.cosignatures.keys()))',
    replace: '!text.isCertified && text.cosignatures.size > 0',
  },
  {
    name: 'certificate from an uncertified text',
    teaches: 'A certificate is made from the newest text there is, whoever has signed it.',
    file: 'src/quorum/certified.ts',
    find: 'return allTexts(texts).find((text) => certifiesEntry(policy, text, index));',
    replace: 'return texts.newest;',
  },
  {
    name: 'certificate with one signature too few',
    teaches: 'The last region that a certificate needs is left out of it.',
    file: 'src/replication/certify.ts',
    find: '    taken.add(region);\n  }\n  if (!isQuorum(policy.quorum, taken)) throw',
    replace:
      '    if (taken.size > 0 && isQuorum(policy.quorum, new Set([...taken, region]))) break;\n    taken.add(region);\n  }\n  if (taken.size === 0) throw',
  },
  {
    name: 'verify counts an old answer',
    teaches: 'A region that can not be reached counts with what it once said: here with what this region believes of it.',
    file: 'src/replication/verify.ts',
    find: 'const testimonies = [await localTestimony(parts, receiptId), ...(await Promise.all(asked)).map(testimonyOf)];',
    replace:
      "const local = await localTestimony(parts, receiptId);\n  const testimonies = [local, ...(await Promise.all(asked)).map(testimonyOf).map((each) => (each.kind === 'unreachable' ? local : each))];",
  },
  {
    name: 'verify counts whoever answers',
    teaches: 'A region that holds another content under the id counts for this one.',
    file: 'src/quorum/agreement.ts',
    find: "if (testimony.digest !== digest) return 'conflict';",
    replace: "if (digest === undefined) return 'conflict';",
  },
];
