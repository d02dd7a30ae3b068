import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { freePorts } from '../../src/cli/demo/region-process.ts';
import type { DaemonConfig } from '../../src/config/daemon-config.ts';
import { loadConfig, toMultiRegionConfig } from '../../src/config/load.ts';
import { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import { RemoteRegion } from '../../src/region/remote-region.ts';
import { Authority } from '../http/certificates.ts';
import { receiptOf } from '../receipts.ts';
import { Regions } from '../regions.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'receipt-sync-deploy-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function deployed(path: string): string {
  return readFileSync(join(ROOT, 'deploy', path), 'utf8');
}

/** Loads a configuration as `serve` would, and checks it whole. */
function config(name: string, text: string): DaemonConfig {
  const loaded = loadConfig({ file: { name, text, folder: '/etc/receipt-sync' }, env: {}, sets: [], cwd: '/', resolve });
  toMultiRegionConfig(loaded).validate();
  return loaded;
}

test('systemd takes the unit, and finds little to blame in its sandbox', () => {
  const unit = join(folder, 'receipt-sync.service');
  writeFileSync(
    unit,
    deployed('systemd/receipt-sync.service')
      .replace('/usr/local/bin/receipt-sync', '/bin/true')
      .replace(/^Documentation=.*$/m, ''),
  );
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  assert.deepEqual([verified.status, verified.stderr], [0, '']);
  const security = spawnSync('systemd-analyze', ['security', '--offline=true', unit], { encoding: 'utf8' });
  const exposure = Number(/Overall exposure level for receipt-sync\.service: ([\d.]+)/.exec(security.stdout)?.[1]);
  assert.ok(exposure < 2, `exposure ${exposure}\n${security.stdout}`);
  assert.match(deployed('systemd/receipt-sync.service'), /^RestartPreventExitStatus=64 78$/m);
});

test('compose takes the file; each region mounts its own configuration, and all of them load', () => {
  const printed = spawnSync('docker-compose', ['-f', join(ROOT, 'deploy/docker/compose.yaml'), 'config'], { encoding: 'utf8' });
  assert.equal(printed.status, 0, printed.stderr);
  const [document] = parseAllDocuments(printed.stdout);
  const { services, secrets } = document?.toJS() ?? {};
  const ids = Object.keys(services).sort();
  assert.deepEqual(ids, ['eu-west-1', 'us-east-1', 'us-west-1']);
  for (const id of ids) {
    const region = config(`${id}.yaml`, deployed(`docker/regions/${id}.yaml`));
    assert.equal(region.region.id, id);
    assert.ok(JSON.stringify(services[id].volumes).includes(`regions/${id}.yaml`));
    assert.equal(services[id].read_only, true);
    for (const { endpoint } of region.remotes) assert.ok(ids.includes(new URL(endpoint).hostname), endpoint);
    for (const file of [region.local.tokenFile, region.plain.tokenFile, ...region.remotes.map(({ tokenFile }) => tokenFile)]) {
      assert.ok(Object.keys(secrets).includes(file?.replace('/run/secrets/', '') ?? ''), file);
    }
  }
});

test('the Dockerfile copies what there is, runs as nobody special, and starts what the package has', () => {
  const lines = deployed('docker/Dockerfile')
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line));
  const of = (instruction: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1));
  assert.deepEqual(of('ADD'), []);
  assert.ok(
    of('FROM').every((image) => /^node:24\.\d+\.\d+-slim( AS \w+)?$/.test(image)),
    of('FROM').join(),
  );
  for (const copy of of('COPY').filter((line) => !line.startsWith('--from'))) {
    for (const source of copy.split(' ').slice(0, -1)) assert.ok(existsSync(join(ROOT, source)), source);
  }
  assert.deepEqual(of('USER'), ['node']);
  assert.match(of('ENTRYPOINT')[0] ?? '', /^\["node", .*"\/app\/dist\/cli\/main\.js"\]$/);
  assert.match(of('HEALTHCHECK')[0] ?? '', /readyz/);
});

interface Container {
  readonly name: string;
  readonly resources: { readonly requests: { readonly memory: string }; readonly limits: { readonly memory: string } };
  readonly securityContext: {
    readonly readOnlyRootFilesystem: boolean;
    readonly allowPrivilegeEscalation: boolean;
    readonly capabilities: { readonly drop: readonly string[] };
  };
  readonly livenessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

test('kustomize builds the base, and what it builds fits together', () => {
  const built = spawnSync('kubectl', ['kustomize', join(ROOT, 'deploy/kubernetes/base')], { encoding: 'utf8' });
  assert.equal(built.status, 0, built.stderr);
  const objects = parseAllDocuments(built.stdout).map((document) => document.toJS());
  const of = (kind: string): readonly Record<string, never>[] => objects.filter((object) => object.kind === kind);
  assert.deepEqual(objects.map(({ kind }) => kind).sort(), ['ConfigMap', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'Service', 'StatefulSet']);
  assert.ok(objects.every(({ metadata }) => metadata.namespace === 'payments' && metadata.labels['app.kubernetes.io/name'] === 'payments'));
  const { spec } = objects.find(({ kind }) => kind === 'StatefulSet');
  assert.deepEqual(spec.selector.matchLabels, spec.template.metadata.labels);
  for (const { spec: service } of objects.filter(({ kind }) => kind === 'Service')) assert.deepEqual(service.selector, spec.selector.matchLabels);
  const containers: readonly Container[] = spec.template.spec.containers;
  const volumes = new Set(
    [...spec.template.spec.volumes, ...spec.volumeClaimTemplates.map(({ metadata }: { readonly metadata: object }) => metadata)].map(({ name }) => name),
  );
  for (const container of containers) {
    assert.ok(container.resources.requests.memory && container.resources.limits.memory, container.name);
    assert.deepEqual(
      [container.securityContext.readOnlyRootFilesystem, container.securityContext.allowPrivilegeEscalation, container.securityContext.capabilities.drop],
      [true, false, ['ALL']],
    );
    for (const { name } of container.volumeMounts) assert.ok(volumes.has(name), name);
    for (const probe of [container.livenessProbe, container.readinessProbe]) assert.ok(container.ports.some(({ name }) => name === probe.httpGet.port));
  }
  const sidecar = containers.find(({ name }) => name === 'receipt-sync');
  assert.deepEqual([sidecar?.livenessProbe.httpGet.path, sidecar?.readinessProbe.httpGet.path], ['/livez', '/readyz']);
  const [map] = of('ConfigMap');
  const region = config('config.yaml', String(map?.['data']?.['config.yaml']));
  assert.equal(region.listen.peers.port, sidecar?.ports.find(({ name }) => name === 'peers')?.containerPort);
  const writable = sidecar?.volumeMounts.map(({ mountPath }) => mountPath) ?? [];
  assert.ok(writable.some((path) => region.store.path.startsWith(path)));
  assert.ok(region.listen.local.kind === 'unix' && region.listen.local.path.startsWith('/run/receipt-sync/'));
  for (const { endpoint } of region.remotes) assert.match(endpoint, /^https:/);
});

test('nginx takes the TLS front as it is written, a link goes through it, and who has no token is refused', async () => {
  await using regions = await Regions.make();
  const pki = join(folder, 'pki');
  mkdirSync(pki);
  const authority = new Authority(pki);
  const { key, cert } = authority.issue('front', 'IP:127.0.0.1');
  writeFileSync(join(pki, 'front-key.pem'), key);
  writeFileSync(join(pki, 'front-cert.pem'), cert);
  const tokenFile = join(folder, 'plain.token');
  writeFileSync(tokenFile, 'secret\n');
  const west = await regions.receiving('us-west-1', { accept: 'token', token: () => 'secret' });
  const [port = 0] = await freePorts(1);
  const server = deployed('nginx/receipt-sync-peers.conf')
    .replaceAll('127.0.0.1:7481', new URL(west.url).host)
    .replace('listen 7443', `listen 127.0.0.1:${port}`)
    .replace('/etc/receipt-sync/tls/cert.pem', join(pki, 'front-cert.pem'))
    .replace('/etc/receipt-sync/tls/key.pem', join(pki, 'front-key.pem'));
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(folder, name)};`).join(' ');
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; pid ${join(folder, 'nginx.pid')}; error_log ${join(folder, 'error.log')}; events {} http { access_log off; ${temp}\n${server}\n}`,
  );
  chmodSync(folder, 0o755);
  execFileSync('nginx', ['-t', '-q', '-c', file, '-e', join(folder, 'error.log')], { stdio: 'pipe' });
  const nginx = spawn('nginx', ['-c', file, '-e', join(folder, 'error.log')], { stdio: 'ignore' });
  try {
    const remote = new RemoteRegion('us-west-1', `https://127.0.0.1:${port}`, { caFile: authority.caFile, tokenFile });
    const base = new MultiRegionConfig('us-east-1').withCrossRegionSync(true).withQuorumThreshold(2).withRetryBackoff('100ms');
    const manager = await regions.open(base.addRegion(remote));
    const result = await manager.syncReceipt(receiptOf(1));
    assert.equal(result.outcome, 'quorum', `${JSON.stringify(result.errors)}\n${readFileSync(join(folder, 'error.log'), 'utf8')}`);
    const stranger = await regions.open(
      new MultiRegionConfig('eu-west-1')
        .withCrossRegionSync(true)
        .withQuorumThreshold(2)
        .addRegion(new RemoteRegion('us-west-1', `https://127.0.0.1:${port}`, { caFile: authority.caFile })),
    );
    assert.equal((await stranger.syncReceipt(receiptOf(2))).errors[0]?.code, 'UNAUTHENTICATED');
  } finally {
    nginx.kill('SIGQUIT');
  }
});

test('nothing in deploy/ is without its test', () => {
  const files = readdirSync(join(ROOT, 'deploy'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.deepEqual(files.map(({ name }) => name).sort(), [
    'Dockerfile',
    'compose.yaml',
    'config.yaml',
    'eu-west-1.yaml',
    'kustomization.yaml',
    'policies.yaml',
    'receipt-sync-peers.conf',
    'receipt-sync.service',
    'services.yaml',
    'statefulset.yaml',
    'us-east-1.yaml',
    'us-west-1.yaml',
  ]);
});
