# The verbs of a scenario, in addition to those of the laboratory (tools/lab/lab.sh). A scenario begins with
#
#     . "$(dirname "$0")/_init.sh"
#
# and ends as soon as a command fails; it then prints the logs and the last status of every daemon. Without root it is
# skipped, with exit status 77.
set -euo pipefail
set -E
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lab/lab.sh"
lab_enter "$@"
trap 'failed_line=$LINENO; failed_command=$BASH_COMMAND' ERR
trap scenario_end EXIT

scenario_end() {
  local status=$? name
  trap - ERR
  ((status != 0)) || { echo "ok"; return; }
  set +e
  echo "FAILED: line ${failed_line:-?}: ${failed_command:-?} (status $status)"
  for name in "${!pid_of[@]}"; do
    kill -0 "${pid_of[$name]}" 2>/dev/null || echo "--- $name has ended"
    echo "--- $name: the end of its log"
    tail -n 30 "$lab/$name.log"
    [[ ! -S $lab/$name.sock ]] || timeout 5 "$warp" status --details --socket "$lab/$name.sock"
  done
}

# example docs/examples.md NAME: prints the block of a document that stands behind the comment of that name.
example() {
  awk -v name="<!-- $2 -->" '$0 == name {found = 1} /^```/ && found {if (inside) exit; inside = 1; next} inside' \
    "$lab_tools/../$1"
}

step() { printf '%(%T)T %s\n' -1 "$*"; }
fail() { echo "$*" >&2; return 1; }

# two_sites LINKS_OF_A LINKS_OF_B: starts router, map and both daemons, and waits until every path is active. The
# variables of node_config and `families` (4, 6, 46) change what it makes.
two_sites() {
  router
  site A "$1" "${families:-4}"
  site B "$2" "${families:-4}"
  [[ ${with_map:-yes} != yes ]] || map_up
  node_config A B
  node_config B A
  node_up A
  node_up B
  wait_active A $(($1 * $2))
  wait_active B $(($1 * $2))
}

# address_of B 1: prints the address of a site's link as endpoints show it, without the port.
address_of() { [[ ${families:-4} == 6 ]] && echo "[fd00:$(number_of "$1")$2::2]" || echo "10.$(number_of "$1").$2.2"; }

# worker_thread A 1: prints the name of the thread of that worker.
worker_thread() {
  # EAL, whose versions name them differently, counts the control thread, too.
  { cat "/proc/${pid_of[$1]}/task/"*/comm 2>/dev/null || true; } | grep -xE "[a-z]+-worker-?$(($2 + 1))"
}

# carries 0 2: expects that within a second payloads arrive over the way from A's link 0 to B's link 2. It asks for more
# arrivals than probes could make.
carries() {
  local way arrivals before
  way="path('wan$1', '$(address_of B "$2"):')"
  arrivals="$way['first'] + $way['duplicates']"
  before=$(status A "1 + $arrivals")
  # A path that is forgotten and made anew meanwhile begins to count from nothing.
  status A "$arrivals > $before + 50 or 50 < $arrivals < $before" 1 >/dev/null || fail "wan$1 to wan$2 of B carries nothing"
}

# --- The application: numbered datagrams into A's gate, answered through B's -----------------------------------------------

gate() { [[ ${gate_family:-4} == 4 ]] && echo "127.0.0.1:$1" || echo "[::1]:$1"; }

# Starts the program at B that answers every payload.
echo_up() {
  on B "$warp" gauge echo --listen "$(gate 9001)" >"$lab/echo.log" 2>&1 &
  listening B 9001
}

# on_switches NAME…: nodes find each other by what they announce on these switches, bridges of the namespace S, and by
# nothing else.
on_switches() {
  with_map=no
  node_options="discover: lan"
  lab_families=46
  namespace S
  local name
  for name in "$@"; do
    ip -n S link add "$name" type bridge
    ip -n S link set "$name" up
  done
}

# traffic RATE SIZE: sends in the background until traffic_end. The result is then in $lab/gauge.json.
traffic() {
  ip netns exec A "$warp" gauge tx --to "$(gate 9000)" --await-echo --seconds 0 --rate "$1" --size "$2" --json \
    >"$lab/gauge.json" 2>"$lab/gauge.log" &
  gauge_pid=$!
}
traffic_end() {
  kill -TERM "$gauge_pid"
  wait "$gauge_pid" || { cat "$lab/gauge.log"; fail "the gauge failed"; }
  cat "$lab/gauge.json"
}
traffic_for() {  # SECONDS RATE SIZE
  traffic "$2" "$3"
  sleep "$1"
  traffic_end
}
# After traffic_end: checks an expression over the results of the gauge.
expect_gauge() { expect_json "$lab/gauge.json" "$1"; }
nothing_lost() { expect_gauge 'sent > 0 and lost == 0 and duplicated == 0'; }

# expect_json FILE EXPRESSION: the last line of the file must be a JSON object for which the Python expression is true.
# The members of the object are names in the expression.
expect_json() {
  $lab_python -c '
import json, sys
result = json.loads(open(sys.argv[1]).read().strip().splitlines()[-1])
sys.exit(not eval(sys.argv[2], result))' "$1" "$2" || fail "not true: $2: $(tail -n 1 "$1")"
}

# rejects SITE PATTERN COMMAND…: at that site the command must end with status 1 and one matching line on stderr.
rejects() {
  local site=$1 pattern=$2 status=0
  shift 2
  timeout 10 ip netns exec "$site" "$@" >"$lab/out" 2>"$lab/err" || status=$?
  ((status == 1)) || fail "exit status $status, not 1: $*: $(cat "$lab/err")"
  [[ $(wc -l <"$lab/err") == 1 ]] || fail "not one line: $(cat "$lab/err")"
  grep -qE "$pattern" "$lab/err" || fail "does not say /$pattern/: $(cat "$lab/err")"
}
