import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDebian } from '../../scripts/debian.ts';
import { Random } from '../../sim/random.ts';

/** `ext4`: a file system of its own in a file, whose power can be cut. `tmpfs`: small, in memory. `folder`: where everything else is. */
export type DiskKind = 'folder' | 'tmpfs' | 'ext4';

/** Sparse: what is not written takes no room. */
const EXT4_MIB = 1_024;
const TMPFS_MIB = 256;
const BUSY_MS_MAX = 3_000;
const FILL_STEP_BYTES = 64 * 1024;
/** ext4 as it is mounted by default, and as hard on us as it can be: metadata may be ahead of the data that it speaks of. */
const MOUNTS = ['loop,data=ordered,commit=5', 'loop,data=writeback,commit=1,nodelalloc', 'loop,data=writeback,commit=300'];

/** Why this machine can't have disks of that kind; `undefined` if it can. Tried once. */
export function diskProblem(kind: DiskKind): string | undefined {
  if (kind === 'folder') return undefined;
  if (!problems.has(kind)) problems.set(kind, triedDisk(kind));
  return problems.get(kind);
}
const problems = new Map<DiskKind, string | undefined>();

/** Makes one, cuts its power where it has any, and takes it away. */
function triedDisk(kind: 'tmpfs' | 'ext4'): string | undefined {
  if (process.getuid?.() !== 0) return `a disk of kind ${kind} takes root to mount`;
  if (kind === 'ext4' && !existsSync('/dev/loop-control')) return 'there are no loop devices here';
  const folder = mkdtempSync(join(tmpdir(), 'receipt-sync-disk-'));
  try {
    const disk = new Disk(kind, folder, new Random(1));
    disk.mount();
    try {
      if (kind === 'ext4') disk.cut(new Random(1));
    } finally {
      disk.unmount();
    }
    return undefined;
  } catch (error) {
    return `no disk of kind ${kind} can be had here: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where one region's data directory and lock file lie, and what can befall it. */
export class Disk {
  readonly kind: DiskKind;
  /** The mount point. */
  readonly path: string;
  readonly #image: string;
  readonly #mount: string;
  #isMounted = false;

  /** `beside`: a folder that outlives it. Needs xfsprogs and e2fsprogs for ext4, and installs them as root. */
  constructor(kind: DiskKind, beside: string, random: Random) {
    this.kind = kind;
    this.path = join(beside, 'disk');
    this.#image = join(beside, 'disk.img');
    this.#mount = random.pick(MOUNTS);
    mkdirSync(this.path, { recursive: true });
    if (kind !== 'ext4') return;
    ensureDebian([
      ['xfsprogs', '/usr/sbin/xfs_io'],
      ['e2fsprogs', '/usr/sbin/mkfs.ext4'],
    ]);
    writeFileSync(this.#image, '');
    truncateSync(this.#image, EXT4_MIB * 1024 * 1024);
    // -m 0: no room that only root may use, which would never be full for who runs as root.
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', this.#image]);
  }

  get description(): string {
    return this.kind === 'ext4' ? `ext4 (${this.#mount})` : this.kind;
  }

  mount(): void {
    if (this.kind === 'tmpfs') execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${TMPFS_MIB}m`, 'tmpfs', this.path]);
    if (this.kind === 'ext4') execFileSync('mount', ['-o', this.#mount, this.#image, this.path]);
    this.#isMounted = this.kind !== 'folder';
  }

  /** The last threads of a process that was ended may hold it for a moment. */
  unmount(): void {
    const deadline = performance.now() + BUSY_MS_MAX;
    while (this.#isMounted) {
      const { status, stderr } = spawnSync('umount', [this.path]);
      if (status === 0) this.#isMounted = false;
      else if (performance.now() > deadline) throw new Error(`${this.path} can't be unmounted: ${stderr}`);
    }
  }

  /**
   * The power goes: nothing that was not flushed reaches the disk any more, and the file system takes nothing. Shortly before, some of
   * the dirty pages of the store's files are written back without a flush, as the kernel may do at any time: what is there afterwards
   * is no prefix of what was written. The process that uses it must be ended by the caller.
   */
  cut(random: Random): void {
    for (const file of this.#files()) {
      if (!random.chance(0.5)) continue;
      const size = statSync(file).size;
      const from = random.below(Math.ceil(size / 4_096) + 1) * 4_096;
      execFileSync('xfs_io', ['-c', `sync_range -w ${from} ${4_096 * (1 + random.below(64))}`, file]);
    }
    // FSOP_GOING_FLAGS_NOLOGFLUSH; with -f the file system's own journal is flushed first.
    execFileSync('xfs_io', ['-x', '-c', random.chance(0.75) ? 'shutdown' : 'shutdown -f', this.path]);
  }

  /** After a cut: the file system's own recovery. */
  remount(): void {
    this.unmount();
    this.mount();
  }

  /** Takes all the room there is but about `leaveBytes`: the region goes on writing meanwhile. */
  fill(leaveBytes: number): void {
    for (let leave = leaveBytes; ; leave += FILL_STEP_BYTES) {
      const { bavail, bsize } = statfsSync(this.path);
      const bytes = bavail * bsize - leave;
      if (bytes <= 0) return;
      if (spawnSync('fallocate', ['-l', String(bytes), join(this.path, 'filler')]).status === 0) return;
    }
  }

  free(): void {
    rmSync(join(this.path, 'filler'), { force: true });
  }

  #files(): readonly string[] {
    const data = join(this.path, 'data');
    const inside = existsSync(data) ? readdirSync(data).map((name) => join(data, name)) : [];
    return [...inside, join(this.path, 'data.lock')].filter((file) => existsSync(file) && !file.includes('lock.db'));
  }
}
