import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';

/** A caller that is out of patience goes away, and its call stays: of a process that lives, and has no more to wait for, it is answered (CONTRACT, "sync"). */
export function answered(): Checker {
  const pending = new Set<{ readonly host: Host; readonly life: number; readonly receiptId: string }>();
  return {
    name: 'every call is answered',
    asked: (host, receiptId, answer) => {
      const call = { host, life: host.starts, receiptId };
      pending.add(call);
      const settled = (): void => void pending.delete(call);
      answer.then(settled, settled);
    },
    finished: () => {
      for (const { host, life, receiptId } of pending)
        if (host.starts === life && host.region !== undefined) throw new Violation(`${host.id} still owes an answer to who brought ${receiptId}`);
    },
  };
}
