import type { Decision, Job, JobAnswer } from '../log/decide.ts';
import type { KnownReceipt, ReceiptIndex } from '../ports/receipt-index.ts';
import { equalBytes } from '../std/bytes.ts';
import { isRotten, type Rotten } from './rotten.ts';

/**
 * The jobs of a turn that may be decided. "Another content was first" is final: before it is said, the first content is read, and where
 * that, or the row of the index that names its digest, has rotted, nobody can tell. Costs a read for each conflict, and nothing without.
 */
export async function decidable(
  jobs: readonly Job[],
  known: ReadonlyMap<string, KnownReceipt>,
  { store, rotten }: { readonly store: Pick<ReceiptIndex, 'get'>; readonly rotten: Rotten },
): Promise<readonly Job[]> {
  const doubtful = new Set<string>();
  for (const id of new Set(jobs.flatMap((job) => conflicting(job, known)))) {
    try {
      await rotten.during(() => store.get(id));
    } catch (error) {
      if (!isRotten(error)) throw error;
      doubtful.add(id);
    }
  }
  return doubtful.size === 0 ? jobs : jobs.filter((job) => !digestsOf(job).some(({ id }) => doubtful.has(id)));
}

/** The decision over some of the jobs as one over all; those left out have no answer. */
export function answersFor(jobs: readonly Job[], taken: readonly Job[], { answers }: Decision): readonly (JobAnswer | undefined)[] {
  if (taken === jobs) return answers;
  const answered = new Map(taken.map((job, n) => [job, answers[n]]));
  return jobs.map((job) => answered.get(job));
}

function conflicting(job: Job, known: ReadonlyMap<string, KnownReceipt>): readonly string[] {
  return digestsOf(job).flatMap(({ id, digest }) => {
    const before = known.get(id);
    return before === undefined || equalBytes(before.digest, digest) ? [] : [id];
  });
}

function digestsOf(job: Job): readonly { readonly id: string; readonly digest: Uint8Array }[] {
  return job.from === 'origin' ? job.items.flatMap(({ receipt }) => receipt ?? []) : [{ id: job.receiptId, digest: job.digest }];
}
