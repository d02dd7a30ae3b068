import { readFileSync } from 'node:fs';

/** The check runs on the Node that package.json pins, not on whatever the machine has. */
const { devDependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
if (process.version !== `v${devDependencies.node}`) {
  console.error(`This is Node ${process.version}; package.json pins ${devDependencies.node}. Run it by npm.`);
  process.exitCode = 1;
}
