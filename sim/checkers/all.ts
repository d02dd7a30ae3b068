import type { AlarmKind } from '../../src/log/alarm.ts';
import { allArrive } from './all-arrive.ts';
import { allCertified } from './all-certified.ts';
import { answered } from './answered.ts';
import type { Checker } from './checker.ts';
import { durable } from './durable.ts';
import { everyByte } from './every-byte.ts';
import { everyHistory } from './every-history.ts';
import { evidence } from './evidence.ts';
import { firstWins } from './first-wins.ts';
import { foundOut } from './found-out.ts';
import { handedOut } from './handed-out.ts';
import { neverLost } from './never-lost.ts';
import { neverSmaller } from './never-smaller.ts';
import { noFalseAlarm } from './no-false-alarm.ts';
import { noPhantom } from './no-phantom.ts';
import { oneCertificate } from './one-certificate.ts';
import { oneContent } from './one-content.ts';
import { oneHistory } from './one-history.ts';
import { ownLog } from './own-log.ts';
import { readBack } from './read-back.ts';
import { risingTimes } from './rising-times.ts';
import { sameAnswer } from './same-answer.ts';
import { sameLogs } from './same-logs.ts';
import { secondOpinion } from './second-opinion.ts';
import { signedIsDurable } from './signed-is-durable.ts';
import { verified } from './verified.ts';

/** One of each. `expected`: what the faults of this world raise an alarm for. */
export function allCheckers(expected: ReadonlySet<AlarmKind>): readonly Checker[] {
  return [
    durable(),
    oneContent(),
    oneCertificate(),
    noPhantom(),
    handedOut(),
    verified(),
    readBack(),
    secondOpinion(),
    neverLost(),
    sameAnswer(),
    answered(),
    oneHistory(),
    signedIsDurable(),
    neverSmaller(),
    foundOut(),
    ownLog(),
    allArrive(),
    allCertified(),
    evidence(),
    firstWins(),
    everyByte(),
    risingTimes(),
    sameLogs(),
    noFalseAlarm(expected),
  ];
}

/** What must hold whatever happens: nothing is answered wrongly. */
export function beyondCheckers(): readonly Checker[] {
  return [...allCheckers(new Set()).filter(({ holdsBeyond }) => holdsBeyond), everyHistory()];
}
