import { Command } from 'commander';
import type { DaemonConfig } from '../config/daemon-config.ts';
import { toMultiRegionConfig } from '../config/load.ts';
import { signingOf } from '../manager.ts';
import type { ListedAlarm } from './alarms.ts';
import { type Finding, fail, ok, warn } from './doctor/finding.ts';
import { remoteChecks } from './doctor/remote-checks.ts';
import { isInUse, secretFile, storeChecks } from './doctor/store-checks.ts';
import { EXIT } from './exit.ts';
import { clientOf, localUrl, print, readConfig } from './io.ts';
import { printable } from './table.ts';

interface DoctorOptions {
  readonly config?: string;
  readonly set: readonly string[];
  readonly json?: true;
}

/** `doctor`: looks at everything a region depends on, and says of each finding what to do. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Look at configuration, store, disk, clock and each remote step by step. Exit 1 if something must be mended.')
    .option('--config <file>', 'the configuration of the region')
    .option('--set <key=value>', 'set one configuration key', (value: string, before: readonly string[]) => [...before, value], [])
    .option('--json', 'print the findings as JSON')
    .addHelpText('beforeAll', 'Examples:\n  receipt-sync doctor --config ./cluster/us-east-1/config.yaml\n')
    .action((options: DoctorOptions) => doctor(options));
}

async function doctor(options: DoctorOptions): Promise<void> {
  // A configuration that can not be used ends here, with all its issues (exit 78).
  const config = await readConfig(options.config, options.set);
  const findings = [...configChecks(config), ...storeChecks(config.store.path), ...(await sidecarChecks(config, options))];
  for (const remote of config.remotes) findings.push(...(await remoteChecks(remote, { regionId: config.region.id })));
  if (options.json === true) print(JSON.stringify({ region: config.region.id, findings }));
  else report(findings);
  process.exitCode = findings.some(({ level }) => level === 'fail') ? EXIT.negative : EXIT.ok;
}

function report(findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ check }) => check.length));
  for (const { level, check, detail, fix } of findings) {
    print(`${level.padEnd(4)}  ${check.padEnd(width)}  ${printable(detail)}`);
    if (fix !== undefined) print(`${' '.repeat(width + 8)}→ ${fix}`);
  }
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  print(`${count('fail')} to mend, ${count('warn')} to look at, ${count('ok')} well`);
}

function configChecks(config: DaemonConfig): readonly Finding[] {
  const settings = toMultiRegionConfig(config);
  settings.validate();
  const names = config.remotes.map(({ id }) => id).join(', ');
  const warnings = settings.warnings().map((text) => warn('config', text, 'See docs/operate/configuration.md'));
  const secrets = [
    ...(config.local.tokenFile === undefined ? [] : [secretFile('local token', config.local.tokenFile)]),
    ...(config.plain.tokenFile === undefined ? [] : [secretFile('plain token', config.plain.tokenFile)]),
    ...config.remotes.flatMap(({ id, tokenFile }) => (tokenFile === undefined ? [] : [secretFile(`${id} token file`, tokenFile)])),
  ];
  const signing = signingOf(settings);
  const keys = signing === undefined ? [] : [ok('keys', `mirrors ${signing.cluster.remotes.size} remotes, policy ${signing.cluster.policyHash.slice(0, 16)}…`)];
  return [ok('config', `region ${config.region.id}, remotes: ${names === '' ? 'none' : names}`), ...keys, ...warnings, ...secrets];
}

/** The process itself, if it runs: is it the one of this configuration, and how is it? */
async function sidecarChecks(config: DaemonConfig, options: DoctorOptions): Promise<readonly Finding[]> {
  const url = localUrl(config);
  const start = `receipt-sync serve${options.config === undefined ? '' : ` --config ${options.config}`}`;
  await using client = await clientOf({ url, ...(config.local.tokenFile === undefined ? {} : { tokenFile: config.local.tokenFile }) });
  try {
    const { region, store, receipts, alarms } = JSON.parse(await client.getStatusJson());
    if (region !== config.region.id) return [fail('sidecar', `${url} is region ${region}`, 'Another process has that address: correct listen.local')];
    const well = store === 'ok' ? ok('sidecar', `answers on ${url}: ${receipts} receipts`) : fail('sidecar', `its store is ${store}`, storeFix(store));
    return [well, ...alarms.map(alarmFinding)];
  } catch {
    // Whatever it is, the process does not answer as one of ours.
    if (isInUse(config.store.path)) return [fail('sidecar', `the store is in use, but ${url} does not answer`, 'Look at the log of the process that uses it')];
    return [warn('sidecar', `nothing answers on ${url}`, `Start it: ${start}`)];
  }
}

/** Two signed histories, and what else waits for an operator, are to be mended; a paused link may mend itself. The signatures are shown. */
function alarmFinding({ id, alarm, region, message, checkpoints, evidence }: ListedAlarm): Finding {
  const signatures = checkpoints.flatMap((note) => note.split('\n').filter((line) => line.startsWith('\u2014 ')));
  const detail = [`${alarm} of ${region}: ${message}`, ...signatures, ...(evidence === null ? [] : [evidence])].join('; ');
  if (!/^\d+$/.test(id)) return warn('alarm', detail, 'It ends by itself once its cause has: see that remote below');
  return fail('alarm', detail, `Look into it, then: receipt-sync alarms ack ${id} --reason TEXT`);
}

function storeFix(store: string): string {
  return store === 'full' ? 'Make room on the disk: it goes on by itself' : 'Look at the disk, then restart the process: nothing acknowledged is lost';
}
