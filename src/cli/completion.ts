import { Argument, type Command, Command as CommanderCommand } from 'commander';
import { print } from './io.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** `completion SHELL`: a script that completes commands and options, made of the program itself. */
export function completionCommand(program: Command): Command {
  return new CommanderCommand('completion')
    .description('Print a completion script for a shell.')
    .addArgument(new Argument('<shell>', 'which').choices(SHELLS))
    .addHelpText(
      'beforeAll',
      'Examples:\n  source <(receipt-sync completion bash)\n  receipt-sync completion zsh > ~/.zfunc/_receipt-sync\n  receipt-sync completion fish > ~/.config/fish/completions/receipt-sync.fish\n',
    )
    .action((shell: string) =>
      print(shell === 'fish' ? fishScript(wordsOf(program)) : shell === 'zsh' ? zshScript(wordsOf(program)) : bashScript(wordsOf(program))),
    );
}

/** A command as typed, and what may follow it. */
interface Words {
  /** `''`, `put`, `config validate`. */
  readonly command: string;
  readonly next: readonly { readonly word: string; readonly help: string }[];
}

function wordsOf(program: Command): readonly Words[] {
  const walk = (command: Command, path: readonly string[]): readonly Words[] => {
    const commands = command.commands.map((inner) => ({ word: inner.name(), help: inner.description().split('.')[0] ?? '' }));
    const options = command.options.flatMap(({ long, description }) => (long === undefined || long === null ? [] : [{ word: long, help: description }]));
    const own = { command: path.join(' '), next: [...commands, ...options, { word: '--help', help: 'display help' }] };
    return [own, ...command.commands.flatMap((inner) => walk(inner, [...path, inner.name()]))];
  };
  return walk(program, []);
}

/** Both shells take bash's rules; zsh by bashcompinit. */
function bashScript(all: readonly Words[]): string {
  const cases = all.map(({ command, next }) => `    '${command}') words='${next.map(({ word }) => word).join(' ')}' ;;`);
  const nested = all.filter(({ command }) => command.includes(' ')).map(({ command }) => `'${command}'`);
  return `_receipt_sync() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      -*) ;;
      *) if [ -z "$command" ]; then command="$word"; else case "$command $word" in ${nested.join('|')}) command="$command $word" ;; esac; fi ;;
    esac
  done
  case "$command" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _receipt_sync receipt-sync`;
}

function zshScript(all: readonly Words[]): string {
  return `#compdef receipt-sync\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(all)}`;
}

function fishScript(all: readonly Words[]): string {
  const lines = all.flatMap(({ command, next }) =>
    next.map(({ word, help }) => {
      const when = command === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${command.split(' ').at(-1)}`;
      const text = help.replaceAll("'", "\\'");
      return word.startsWith('--')
        ? `complete -c receipt-sync -n '${when}' -l ${word.slice(2)} -d '${text}'`
        : `complete -c receipt-sync -f -n '${when}' -a ${word} -d '${text}'`;
    }),
  );
  return lines.join('\n');
}
