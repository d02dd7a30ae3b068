import { writeFileSync } from 'node:fs';
import { configReference } from '../src/config/render.ts';

/** Writes the pages that are made from code. A test compares them. */
writeFileSync(new URL('../docs/operate/configuration.md', import.meta.url), configReference());
