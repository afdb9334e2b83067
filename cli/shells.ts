/** The shells whose completion is known, and the script that each is given once. */

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

const bash = `# Completion of holdfast for bash: eval "$(holdfast completion bash)"
_holdfast() {
  local candidate
  COMPREPLY=()
  while IFS= read -r candidate; do
    printf -v candidate %q "$candidate"
    COMPREPLY+=("$candidate")
  done < <("$1" __complete bash "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _holdfast holdfast
`;

const zsh = `#compdef holdfast
# Completion of holdfast for zsh: holdfast completion zsh > "\${fpath[1]}/_holdfast", or source it after compinit.
_holdfast() {
  local candidate
  local -a candidates
  while IFS= read -r candidate; do
    candidates+=("$candidate")
  done < <("\${words[1]}" __complete zsh "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  if (( $#candidates )); then
    _describe holdfast candidates
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == _holdfast ]]; then
  _holdfast "$@"
else
  compdef _holdfast holdfast
fi
`;

const fish = `# Completion of holdfast for fish: holdfast completion fish > ~/.config/fish/completions/holdfast.fish
function __holdfast_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l program $words[1]
  set -e words[1]
  $program __complete fish $words "$current" 2>/dev/null
end
complete -c holdfast -f -n 'not contains -- -- (commandline -opc)' -a '(__holdfast_complete)'
`;

export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
