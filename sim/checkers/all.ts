import type { AlarmKind } from '../../src/log/alarm.ts';
import { allArrive } from './all-arrive.ts';
import { allCertified } from './all-certified.ts';
import type { Checker } from './checker.ts';
import { durable } from './durable.ts';
import { evidence } from './evidence.ts';
import { firstWins } from './first-wins.ts';
import { handedOut } from './handed-out.ts';
import { noFalseAlarm } from './no-false-alarm.ts';
import { noPhantom } from './no-phantom.ts';
import { oneCertificate } from './one-certificate.ts';
import { oneContent } from './one-content.ts';
import { ownLog } from './own-log.ts';
import { sameLogs } from './same-logs.ts';

/** One of each. `expected`: what the faults of this world raise an alarm for. */
export function allCheckers(expected: ReadonlySet<AlarmKind>): readonly Checker[] {
  return [
    durable(),
    oneContent(),
    oneCertificate(),
    noPhantom(),
    handedOut(),
    ownLog(),
    allArrive(),
    allCertified(),
    evidence(),
    firstWins(),
    sameLogs(),
    noFalseAlarm(expected),
  ];
}
