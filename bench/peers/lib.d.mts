/** Types of the drivers' common part, for the drivers that are written in TypeScript. */
export interface DriverArgs {
  readonly inflight: number;
  readonly seconds: number;
  readonly size: number;
  readonly warmup: number;
  readonly json: boolean;
  readonly ids?: 'seq' | 'random';
  readonly tag?: string;
  readonly [name: string]: unknown;
}
export function args(extra?: Readonly<Record<string, unknown>>): DriverArgs;
export function pidsOf(peer: string): number[];
export function makeReceipts(size: number, ids?: 'seq' | 'random'): () => { readonly id: string; readonly body: string };
export function bench(
  peer: string,
  options: DriverArgs,
  put: (id: string, body: string) => Promise<void>,
  info?: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>>;
