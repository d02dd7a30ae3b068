import { stringify } from 'yaml';
import { formatDuration } from '../std/duration.ts';
import { envName, OPTIONS, type OptionType } from './options.ts';

/** What `init` knows of one region. */
export interface ConfigDraft {
  readonly cluster?: string | undefined;
  readonly region: string;
  /** The key file, relative to the configuration; without it the region speaks the plain protocol. */
  readonly keyFile?: string | undefined;
  readonly listen: { readonly local: string; readonly peers: string };
  readonly quorumThreshold: number;
  readonly remotes: readonly { readonly id: string; readonly endpoint: string; readonly publicKey?: string; readonly logKey?: string }[];
}

/** A configuration file that loads again. */
export function renderConfig(draft: ConfigDraft): string {
  const { cluster, region, keyFile, listen, quorumThreshold, remotes } = draft;
  const body = stringify({
    version: 1,
    ...(cluster === undefined ? {} : { cluster }),
    region: { id: region, ...(keyFile === undefined ? {} : { keyFile }) },
    listen,
    sync: { enabled: true, quorumThreshold },
    remotes,
    store: { engine: 'sqlite', path: './data' },
  });
  return `# Made by receipt-sync init. All settings: docs/operate/configuration.md\n${body}`;
}

/** The reference of all settings, in Markdown: `docs/operate/configuration.md` is this. */
export function configReference(): string {
  const rows = OPTIONS.map((option) => {
    const fallback = option.required === true ? 'required' : option.fallback === undefined ? '' : `\`${String(option.fallback)}\``;
    const alias = option.alias === undefined ? '' : `, \`${option.alias}\``;
    return `| \`${option.path}\` | ${typeText(option.type)} | ${fallback} | \`${envName(option.path.replace('[]', '[0]'))}\`${alias} | ${option.help} |`;
  });
  const head = ['| key | value | default | environment | what it does |', '|---|---|---|---|---|'];
  const intro = [
    '# Configuration',
    '',
    'Generated from `src/config/options.ts` by `npm run docs`; a test compares them. Flags (`--set key=value`) win over environment over file over defaults.',
    `Relative paths are taken from the file's folder. An unknown key stops the start (exit 78). Durations: \`500ms\`, \`${formatDuration(5_000)}\`, \`1m\`, or whole ms.`,
    '',
  ];
  return [...intro, ...head, ...rows, ''].join('\n');
}

function typeText(type: OptionType): string {
  if (type.kind === 'choice') return type.choices.map((choice) => `\`${choice}\``).join(', ');
  if (type.kind === 'integer') return type.max === Number.MAX_SAFE_INTEGER ? 'whole number' : `${type.min}–${type.max}`;
  return type.kind;
}
