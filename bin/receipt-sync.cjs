#!/usr/bin/env -S node --max-semi-space-size=8
// The young generation of V8 takes 128 MB where nobody says otherwise, and makes us no quicker: measured, docs/decisions/0009.
// Plain ES5, so that a Node too old for the rest can still say so.
var version = process.versions.node.split('.');
var major = Number(version[0]);
var minor = Number(version[1]);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write('receipt-sync needs Node.js 24.15 or newer; this is ' + process.versions.node + '\n');
  process.exit(78);
}
var path = require('path');
var built = path.join(__dirname, '../dist/cli/main.js');
// A checkout that was never built runs its sources: in place of this process, under the condition that they need.
if (!require('fs').existsSync(built))
  process.execve(process.execPath, [process.execPath, '-C', 'source', path.join(__dirname, '../src/cli/main.ts')].concat(process.argv.slice(2)), process.env);
import('../dist/cli/main.js').catch(function (error) {
  process.stderr.write(String(error) + '\n');
  process.exit(70);
});
