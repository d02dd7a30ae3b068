import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { type CertificateReport, type ForkReport, verifyCertificate, verifyFork } from '../../src/verify.ts';
import { SAMPLES, sample, vectorText } from '../tlog/vectors.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
/** By a name that the compiler does not follow: its types want those of a browser, which the rest of us has not. */
const PLAYWRIGHT: string = 'playwright-core';

let folder = '';
let bundle = '';
let server: Server | undefined;

/** The package as it is published, beside an application that imports its verifier, bundled as for any web page. */
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-browser-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[')));
  const installed = join(folder, 'node_modules', 'receipt-sync');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', installed]);
  await symlink(join(ROOT, 'node_modules', '@noble'), join(folder, 'node_modules', '@noble'));
  await writeFile(join(folder, 'index.html'), '<!doctype html><meta charset="utf-8"><script type="module" src="./app.js"></script>');
  await writeFile(
    join(folder, 'app.js'),
    "import { verifyCertificate, verifyFork } from 'receipt-sync/verify';\nglobalThis.verifyAll = (inputs) => Promise.all(inputs.map((input) => ('evidence' in input ? verifyFork(input) : verifyCertificate(input))));\n",
  );
  await build({ root: folder, logLevel: 'error', configFile: false, build: { outDir: 'out', minify: true } });
  const assets = await readdir(join(folder, 'out', 'assets'));
  bundle = await readFile(join(folder, 'out', 'assets', assets.find((name) => name.endsWith('.js')) ?? ''), 'utf8');
  server = createServer((request, response) => {
    const path = request.url === '/' ? 'index.html' : (request.url ?? '');
    readFile(join(folder, 'out', path)).then(
      (bytes) => response.writeHead(200, { 'content-type': path.endsWith('.js') ? 'text/javascript' : 'text/html' }).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
});

after(async () => {
  server?.closeAllConnections();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

test('the bundle has no part of Node in it', () => {
  for (const foreign of [/\bnode:/, /\bBuffer\./, /__vite-browser-external/, /createPublicKey/]) assert.doesNotMatch(bundle, foreign);
  console.log(`bundle: ${bundle.length} bytes, ${gzipSync(bundle).length} gzip`);
});

/** Good ones, and such as differ where the two implementations of the primitives could. */
function inputs(): readonly { readonly certificate: string; readonly receipt: string; readonly policy: string }[] {
  return SAMPLES.flatMap((name) => {
    const { certificate, policy } = sample(name);
    const receipt = vectorText(name, 'receipt.json');
    const good = { certificate, receipt, policy };
    return [
      good,
      { ...good, certificate: certificate.replace('index ', 'index 1') },
      { ...good, certificate: certificate.replace(/(mirror \S{40})(\S)/, (_, before: string, letter: string) => before + (letter === 'A' ? 'B' : 'A')) },
      { ...good, certificate: certificate.replace(/=\n/, '\n') },
      { ...good, certificate: certificate.replace('extra AQ', 'extra Ag') },
      { ...good, certificate: certificate.replaceAll('—', '-') },
      { ...good, receipt: receipt.replace('"ticks":', '"ticks":1') },
      { ...good, receipt: receipt.replace('{', '{"receipt_id":"é\ud800",') },
      { ...good, receipt: '\ufeff{}' },
      { ...good, policy: policy.replace('regions 2', 'regions 3').replace('quorum regions', 'quorum us-east-1') },
      { ...good, policy: policy.replace('+B', '+C') },
    ];
  });
}

/** Evidence of forks, some of it altered. */
function forks(): readonly { readonly evidence: string; readonly policy?: string }[] {
  const read = (name: string): string => readFileSync(new URL(`../vectors/evidence/${name}`, import.meta.url), 'utf8');
  const policy = read('policy');
  return ['fork-8-of-13.json', 'fork-equal-sizes.json', 'no-fork-5-of-13.json'].flatMap((name) => {
    const evidence = read(name);
    const altered = [
      evidence.replace('"proof": [', '"proof": ["",'),
      evidence.replace(/13\\n./, '13\\nA'),
      evidence.replace('{', '{"type":"receipt-sync/fork/v1",'),
    ];
    return [{ evidence }, { evidence, policy }, ...altered.map((text) => ({ evidence: text, policy }))];
  });
}

test('in chromium every certificate and every evidence gets the same report as in Node, check by check', async () => {
  const address = server?.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const all = [...inputs(), ...forks()];
  const { chromium } = await import(PLAYWRIGHT);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.waitForFunction('globalThis.verifyAll !== undefined');
    const reports: readonly (CertificateReport | ForkReport)[] = JSON.parse(
      await page.evaluate(`globalThis.verifyAll(${JSON.stringify(all)}).then((reports) => JSON.stringify(reports))`),
    );
    const expected = await Promise.all(
      all.map((input): Promise<CertificateReport | ForkReport> => ('evidence' in input ? verifyFork(input) : verifyCertificate(input))),
    );
    assert.deepEqual(reports, JSON.parse(JSON.stringify(expected)));
    assert.ok(reports.filter(({ valid }) => valid).length >= SAMPLES.length + 4);
    assert.ok(reports.some(({ valid }) => !valid));
  } finally {
    await browser.close();
  }
});
