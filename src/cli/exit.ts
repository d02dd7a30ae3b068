import { InvalidConfigError, ReceiptSyncError, StoreFailedError } from '../errors.ts';

/** Exit codes (CONTRACT §3; sysexits.h). */
export const EXIT = {
  ok: 0,
  negative: 1,
  usage: 64,
  badData: 65,
  noInput: 66,
  unreachable: 69,
  ourBug: 70,
  io: 74,
  tryAgain: 75,
  notAllowed: 77,
  config: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a code and a line or two for people. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The code an error ends the process with. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandFailure) return error.exitCode;
  if (error instanceof InvalidConfigError) return EXIT.config;
  if (error instanceof StoreFailedError) return EXIT.io;
  if (!(error instanceof ReceiptSyncError)) return EXIT.ourBug;
  switch (error.code) {
    case 'UNAVAILABLE':
      return EXIT.unreachable;
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
      return EXIT.notAllowed;
    case 'INVALID_RECEIPT':
    case 'INVALID_JSON':
    case 'INVALID_EVIDENCE':
    case 'INVALID_QUERY':
    case 'TOO_LARGE':
      return EXIT.badData;
    case 'ROTTEN':
      return EXIT.io;
    case 'OVERLOADED':
    case 'CLOSED':
    case 'REQUEST_TIMEOUT':
      return EXIT.tryAgain;
    case 'NOT_FOUND':
    case 'NOT_CERTIFIED':
    case 'QUORUM_NOT_REACHED':
    case 'RECEIPT_CONFLICT':
      return EXIT.negative;
    default:
      return EXIT.ourBug;
  }
}
