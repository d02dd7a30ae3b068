import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

const FSYNCS = 200;
const PAGE_BYTES = 4_096;

/** What the figures were measured on. No name and no path of the machine: results are published. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Median of appending 4 KiB and fsync, on the data's disk. */
  readonly fsyncMs: number;
  readonly etcd: string;
  readonly postgresql: string;
  readonly redis: string;
}

export function describeMachine(folder: string): Machine {
  return {
    cpu: cpus()[0]?.model ?? '',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    fsyncMs: fsyncMs(folder),
    etcd: version('etcd', /etcd Version: (\S+)/),
    postgresql: version('/usr/lib/postgresql/15/bin/postgres', /PostgreSQL\) (\S+)/),
    redis: version('redis-server', /v=(\S+)/),
  };
}

/** The block device below a folder, as /proc/diskstats names it. */
export function deviceOf(folder: string): string {
  const { dev } = statSync(folder);
  // As glibc's gnu_dev_major and gnu_dev_minor take a dev_t of up to 32 bits apart.
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  const rows = readFileSync('/proc/diskstats', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  const name = rows.find(([rowMajor, rowMinor]) => Number(rowMajor) === major && Number(rowMinor) === minor)?.[2];
  if (name === undefined) throw new Error('The data folder is on no disk of /proc/diskstats (a tmpfs?): set PEERS_ROOT to a folder on one');
  return name;
}

function fsyncMs(folder: string): number {
  const path = join(folder, 'fsync.probe');
  const file = openSync(path, 'w');
  const page = Buffer.alloc(PAGE_BYTES, 1);
  const took = Array.from({ length: FSYNCS }, () => {
    const start = performance.now();
    writeSync(file, page);
    fsyncSync(file);
    return performance.now() - start;
  }).sort((a, b) => a - b);
  closeSync(file);
  rmSync(path);
  return Math.round((took[FSYNCS / 2] ?? 0) * 1_000) / 1_000;
}

function version(program: string, pattern: RegExp): string {
  return pattern.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
}
