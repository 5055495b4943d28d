# Completion of muster for bash; written by `muster completion bash`.
_muster() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local first=${COMP_WORDS[1]} words= options= values= verb
  verb=$first
  case $first in
    script) words=' run list help' ;;
    asset) words=' merge split undo' ;;
    report) words=' list run' ;;
    policy) words=' list add remove run' ;;
    silence) words=' add list remove' ;;
    window) words=' add list remove' ;;
    dead) words=' drop' ;;
    endpoint) words=' list enable test' ;;
    config) words=' check' ;;
    db) words=' migrate psql' ;;
  esac
  [ -z "$words" ] || verb="$first ${COMP_WORDS[2]}"
  if [ "$COMP_CWORD" = 1 ]; then
    words=' scan script status assets asset services changes diff passes report export annotate tag approve policy rescan import forget incidents why silence window deliveries replay dead endpoint config doctor db completion help'
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  if [ "$COMP_CWORD" = 2 ] && [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case $verb in
    'scan')
      options=' -iL --exclude --excludefile -6 -n -sL -sn -sP -Pn -P0 -PS -PA -PU -PE -PP -PR --arp-all --multicast-ping --disable-arp-ping --traceroute -p -F --top-ports --exclude-ports -sS -sT -sU -sV --version-intensity --version-light --version-all -sC --script --script-args --script-args-file --script-help --script-timeout --script-trace --script-scratch --datadir -T --min-rate --max-rate --max-retries --host-timeout -e --sample --estimate --state --resume -oN -oX -oG -oA -oJ --open --reason -v --verbose --stats-every -d --debug --help -h' ;;
    'script run')
      options=' -iL --exclude --excludefile -6 -n -sL -sn -sP -Pn -P0 -PS -PA -PU -PE -PP -PR --arp-all --multicast-ping --disable-arp-ping --traceroute -p -F --top-ports --exclude-ports -sS -sT -sU -sV --version-intensity --version-light --version-all -sC --script --script-args --script-args-file --script-help --script-timeout --script-trace --script-scratch --datadir -T --min-rate --max-rate --max-retries --host-timeout -e --sample --estimate --state --resume -oN -oX -oG -oA -oJ --open --reason -v --verbose --stats-every -d --debug --help -h' ;;
    'script list')
      options=' --datadir --json --help -h' ;;
    'script help')
      options=' --datadir --json --help -h' ;;
    'status')
      options=' --since --wait-baseline --config --database --json --help -h' ;;
    'assets')
      options=' --zone --at --format --all --config --database --json --help -h'
      case $previous in
        --format) values='table csv json' ;;
      esac ;;
    'asset merge')
      options=' --reason --by --zone --config --database --json --help -h' ;;
    'asset split')
      options=' --reason --by --zone --config --database --json --help -h' ;;
    'asset undo')
      options=' --reason --by --zone --config --database --json --help -h' ;;
    'asset')
      options=' --why --zone --at --config --database --json --help -h' ;;
    'services')
      options=' --zone --at --format --all --config --database --json --help -h'
      case $previous in
        --format) values='table csv json' ;;
      esac ;;
    'changes')
      options=' --since --between --format --follow -f --all --zone --config --database --json --help -h'
      case $previous in
        --format) values='text json csv ndiff' ;;
      esac ;;
    'diff')
      options=' --format --all --zone --config --database --json --help -h'
      case $previous in
        --format) values='text json csv ndiff' ;;
      esac ;;
    'passes')
      options=' --zone --format --config --database --json --help -h'
      case $previous in
        --format) values='table csv json' ;;
      esac ;;
    'report list')
      options=' --config --database --json --help -h' ;;
    'report run')
      options=' --param --format --at --zone --config --database --json --help -h'
      case $previous in
        --format) values='table csv json' ;;
      esac ;;
    'export')
      options=' --zone --at --config --database --json --help -h' ;;
    'annotate')
      options=' --owner --criticality --presence --label --note --by --zone --config --database --json --help -h' ;;
    'tag')
      options=' --remove --by --zone --config --database --json --help -h' ;;
    'approve')
      options=' --policy --until --reason --end --by --zone --config --database --json --help -h' ;;
    'policy list')
      options=' --config --database --json --help -h' ;;
    'policy add')
      options=' --key --every --severity --title --by --config --database --json --help -h'
      case $previous in
        --severity) values='debug info warning high critical' ;;
      esac ;;
    'policy remove')
      options=' --config --database --json --help -h' ;;
    'policy run')
      options=' --config --database --json --help -h' ;;
    'rescan')
      options=' --zone --config --database --json --help -h' ;;
    'import')
      options=' --zone --config --database --json --help -h' ;;
    'forget')
      options=' --all --config --database --json --help -h' ;;
    'incidents')
      options=' --all --config --database --json --help -h' ;;
    'why')
      options=' --config --database --json --help -h' ;;
    'silence add')
      options=' --zone --network --type --kind --severity --tag --owner --script --port --asset --for --until --from --long --on-end --reason --author --config --database --json --help -h'
      case $previous in
        --severity) values='debug info warning high critical' ;;
        --on-end) values='summary still drop' ;;
      esac ;;
    'silence list')
      options=' --all --config --database --json --help -h' ;;
    'silence remove')
      options=' --config --database --json --help -h' ;;
    'window add')
      options=' --zone --network --type --kind --severity --tag --owner --script --port --asset --for --until --on-end --reason --author --config --database --json --help -h'
      case $previous in
        --severity) values='debug info warning high critical' ;;
        --on-end) values='summary still drop' ;;
      esac ;;
    'window list')
      options=' --all --config --database --json --help -h' ;;
    'window remove')
      options=' --config --database --json --help -h' ;;
    'deliveries')
      options=' --all --limit --config --database --json --help -h' ;;
    'replay')
      options=' --since --until --dead --config --database --json --help -h' ;;
    'dead drop')
      options=' --config --database --json --help -h' ;;
    'endpoint list')
      options=' --config --database --json --help -h' ;;
    'endpoint enable')
      options=' --skip --config --database --json --help -h' ;;
    'endpoint test')
      options=' --config --database --json --help -h' ;;
    'config check')
      options=' --config --help -h' ;;
    'doctor')
      options=' --audit --config --database --json --help -h' ;;
    'db migrate')
      options=' --check --config --database --json --help -h' ;;
    'db psql')
      options=' --config --database --json --help -h' ;;
    'completion')
      options=' --help -h' ;;
  esac
  if [ -n "$values" ]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _muster muster
