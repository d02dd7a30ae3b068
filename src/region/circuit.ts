import { unreachable } from '../std/assert.ts';

/** Three failed syncs in a row make a region unavailable (SPEC §7, the seed's rule). */
export const FAILURES_TO_OPEN = 3;

/** Is a region worth an attempt? Each variant carries only what it needs. */
export type Circuit =
  | { readonly kind: 'closed'; readonly failures: number }
  /** Unavailable: at most one probe at a time. `probing`: one is under way (half-open). */
  | { readonly kind: 'open'; readonly failures: number; readonly probing: boolean };

/** `failed`: a sync failed for good; `reached`: the region answered as a region does; `probe`: an attempt begins while open; `probe-failed`: it ended without a sync failing. */
export type CircuitEvent = 'failed' | 'reached' | 'probe' | 'probe-failed';

export const CLOSED_CIRCUIT: Circuit = { kind: 'closed', failures: 0 };

/** The circuit after an event. Pure: time plays no part, a probe is begun by who holds the link. */
export function nextCircuit(circuit: Circuit, event: CircuitEvent): Circuit {
  switch (event) {
    case 'reached':
      return CLOSED_CIRCUIT;
    case 'failed':
      return afterFailure(circuit.failures + 1, circuit.kind);
    case 'probe':
      return circuit.kind === 'open' ? { ...circuit, probing: true } : circuit;
    case 'probe-failed':
      return circuit.kind === 'open' ? { ...circuit, probing: false } : circuit;
    default:
      return unreachable(event);
  }
}

function afterFailure(failures: number, kind: Circuit['kind']): Circuit {
  if (kind === 'open' || failures >= FAILURES_TO_OPEN) return { kind: 'open', failures, probing: false };
  return { kind: 'closed', failures };
}

/** The word for it in status and metrics. */
export function circuitState(circuit: Circuit): 'closed' | 'open' | 'half_open' {
  if (circuit.kind === 'closed') return 'closed';
  return circuit.probing ? 'half_open' : 'open';
}
