import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDisk } from '../../sim/memory-disk.ts';
import { MemoryStore } from '../../sim/memory-store.ts';
import { openSqliteStore } from '../../src/adapters/store-sqlite/store.ts';
import { storeContract } from './contract.ts';

storeContract({
  name: 'sqlite',
  place: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-store-'));
    return { open: () => openSqliteStore({ dataDir: join(folder, 'data'), region: 'here' }), remove: () => rm(folder, { recursive: true, force: true }) };
  },
});

storeContract({
  name: 'memory',
  place: async () => {
    const disk = new MemoryDisk();
    return { open: async () => new MemoryStore(disk), remove: async () => undefined };
  },
});
