// The completion for bash: commands, their options, every configuration flag and its choices. Static, so that a TAB starts
// no program.
import { listConfigFlags } from '../../src/config/flag-layer.ts';
import { findConfigKey } from '../../src/config/schema.ts';
import type { CommandEntry } from './command-list.ts';

export function renderCompletion(commands: readonly CommandEntry[]): string {
  const words = commands.map(({ path, subcommands, options }) => {
    const own = [...subcommands, ...options.flatMap(({ names }) => names)];
    return `    '${path}') words='${own.join(' ')}' ;;`;
  });
  const flags = listConfigFlags();
  const choices = flags.flatMap(({ key, flag, value }) => {
    const row = findConfigKey(key);
    const given = row?.choices?.join(' ').trim() ?? (value === 'optional' ? 'true false' : '');
    return given === '' ? [] : [`    ${flag}) words='${given}' ;;`];
  });
  const files = flags.filter(({ key }) => findConfigKey(key)?.type === 'path').map(({ flag }) => flag);
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  return `# bash completion for mem-agent(8); made from the program's own commands and settings.
_mem_agent() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path= word words=
  COMPREPLY=()
  case $previous in
    --config|${files.join('|')}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
${choices.join('\n')}
  esac
  if [[ $words ]]; then mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current"); return; fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${paths.join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case $path in
${words.join('\n')}
  esac
  words+=' --json --config --debug --help'
  [[ $current == --*.* || $current == -* ]] && words+=' ${flags.map(({ flag }) => flag).join(' ')}'
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _mem_agent mem-agent
`;
}
