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
// A checkout that was never built runs its sources.
var built = require('fs').existsSync(require('path').join(__dirname, '../dist/cli/main.js'));
import(built ? '../dist/cli/main.js' : '../src/cli/main.ts').catch(function (error) {
  process.stderr.write(String(error) + '\n');
  process.exit(70);
});
