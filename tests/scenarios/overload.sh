#!/bin/bash
# A flood sends twice what the tunnel sustains for a minute. The excess is dropped by name, memory does not grow, and
# afterwards everything is as before. WARP_OVERLOAD_SECONDS changes the length of the flood.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -' '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"
seconds=${WARP_OVERLOAD_SECONDS:-60}
two_sites 2 2
flood() {  # SECONDS RATE; prints how many payloads a second arrived
  local receiver
  on B "$warp" gauge rx --listen "$(gate 9001)" --seconds $(($1 + 2)) --json >"$lab/gauge.json" &
  receiver=$!
  listening B 9001
  on A "$warp" gauge tx --to "$(gate 9000)" --seconds "$1" --rate "$2" --size 1200 --json >"$lab/tx.json"
  wait $receiver
  $lab_python -c 'import json, sys; print(json.load(open(sys.argv[1]))["received"] // int(sys.argv[2]))' "$lab/gauge.json" "$1"
}
resident() { awk '/VmRSS/ {print $2}' "/proc/${pid_of[$1]}/status"; }  # KiB
sustained=$(flood 4 1000000)
step "sustains about $sustained a second; $seconds s at twice that"
a=$(resident A) b=$(resident B)
flood "$seconds" $((sustained * 2))
step "resident: A $a -> $(resident A) KiB, B $b -> $(resident B) KiB"
(($(resident A) < a + 8192 && $(resident B) < b + 8192))
status A 'sum(status["drops"].values()) > 0' 0
expect_gauge 'duplicated == 0'
step "and back to normal"
echo_up
traffic_for 3 1000 1200
nothing_lost
