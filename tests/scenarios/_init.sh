# The verbs of a scenario, on top of those of the laboratory (tools/lab/lab.sh). A scenario begins with
#
#     . "$(dirname "$0")/_init.sh"
#
# and ends when a command fails, with the logs and the last status of every daemon. Without root it is skipped (77).
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
    [[ ! -S $lab/$name.sock ]] || timeout 5 "$warp" status --socket "$lab/$name.sock"
  done
}

step() { printf '%(%T)T %s\n' -1 "$*"; }
fail() { echo "$*" >&2; return 1; }

# two_sites LINKS_OF_A LINKS_OF_B: everything up to and including the daemons, and every path active. The variables of
# node_config and `families` (4, 6, 46) shape it.
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

# The address of a site's link as endpoints show it, without the port: address_of B 1.
address_of() { [[ ${families:-4} == 6 ]] && echo "[fd00:$(number_of "$1")$2::2]" || echo "10.$(number_of "$1").$2.2"; }

# Payloads arrive again within a second over the way from A's link to B's: carries 0 2. Probes alone would be too few.
carries() {
  local way arrivals
  way="path('wan$1', '$(address_of B "$2"):')"
  arrivals="$way['first'] + $way['duplicates']"
  status A "$arrivals > $(status A "1 + $arrivals") + 50" 1 >/dev/null || fail "wan$1 to wan$2 of B carries nothing"
}

# --- The application: numbered datagrams into A's gate, answered through B's -----------------------------------------------

gate() { [[ ${gate_family:-4} == 4 ]] && echo "127.0.0.1:$1" || echo "[::1]:$1"; }

# The program at B that answers everything.
echo_up() {
  on B "$warp" gauge echo --listen "$(gate 9001)" >"$lab/echo.log" 2>&1 &
  listening B 9001
}

# traffic RATE SIZE: in the background, until traffic_end; what it saw is in $lab/gauge.json then.
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
# After traffic_end: is this expression over the gauge's results true?
expect_gauge() { expect_json "$lab/gauge.json" "$1"; }
nothing_lost() { expect_gauge 'sent > 0 and lost == 0 and duplicated == 0'; }

# expect_json FILE EXPRESSION: the file's last line is a JSON object, its members are names in a Python expression.
expect_json() {
  $lab_python -c '
import json, sys
result = json.loads(open(sys.argv[1]).read().strip().splitlines()[-1])
sys.exit(not eval(sys.argv[2], result))' "$1" "$2" || fail "not true: $2: $(tail -n 1 "$1")"
}

# rejects SITE PATTERN COMMAND…: at that site the command ends with status 1, and one line on stderr that matches.
rejects() {
  local site=$1 pattern=$2 status=0
  shift 2
  timeout 10 ip netns exec "$site" "$@" >"$lab/out" 2>"$lab/err" || status=$?
  ((status == 1)) || fail "exit status $status, not 1: $*: $(cat "$lab/err")"
  [[ $(wc -l <"$lab/err") == 1 ]] || fail "not one line: $(cat "$lab/err")"
  grep -qE "$pattern" "$lab/err" || fail "does not say /$pattern/: $(cat "$lab/err")"
}
