import { LIES } from './lies.ts';
import { LINKS } from './links.ts';
import { MIRRORS } from './mirrors.ts';
import type { Plant } from './plant.ts';
import { QUORUM } from './quorum.ts';
import { WRITER } from './writer.ts';

/** Every bug that the simulator must find. */
export const PLANTS: readonly Plant[] = [...WRITER, ...QUORUM, ...LINKS, ...MIRRORS, ...LIES];
