import { rmSync } from 'node:fs';

/** What was emitted before must not be packed with what is emitted now. */
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
