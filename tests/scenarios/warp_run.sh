#!/bin/bash
# An unmodified program uses a Unix gate under `warp run`. Its sends return when warpd is done with the payload, and it
# learns of warpd's restart. The gauge measures what arrives. Both types of socket are tested.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -' '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"
unix_gate() { sed -i "s|gate: .*|gate: {unix: {path: $lab/$1.gate, type: $kind$2}}|" "$lab/$1.yaml"; }
router
site A 2 4
site B 2 4
map_up
for kind in datagram seqpacket; do
  node_config A B
  node_config B A
  unix_gate A ""
  unix_gate B "$([[ $kind == datagram ]] && echo ", deliver: $lab/B.app")"
  node_up A
  node_up B
  wait_active A 4
  wait_active B 4
  [[ $kind == datagram ]] && scheme=unix || scheme=unix-seqpacket
  [[ $kind == datagram ]] && app="--listen unix:$lab/B.app" || app="--connect $scheme:$lab/B.gate"
  on B "$warp" gauge echo $app >"$lab/echo.log" 2>&1 &
  echo_pid=$!
  step "$kind: nothing is lost while a cable is pulled"
  ip netns exec A "$warp" gauge tx --to $scheme:"$lab/A.gate" --await-echo --wait-ready 5 --seconds 2 --rate 500 \
    --json >"$lab/gauge.json" &
  gauge_pid=$!
  sleep 0.7
  cut a0
  sleep 0.5
  restore a0
  wait $gauge_pid
  nothing_lost
  wait_active A 4
  step "$kind: a send returns when warpd had its payload, not before"
  before=$(status A 'status["tunnels"][0]["sent"]')
  on A timeout 60 "$warp" run --gate video --socket "$lab/A.sock" -- \
    $lab_python "$(dirname "$0")/warp_run.py" $kind "$lab/A.gate" 1000 "${pid_of[A]}" >"$lab/early"
  cat "$lab/early"
  expect_json "$lab/early" 'early == 0 and sent == 1000'
  status A "status['tunnels'][0]['sent'] >= $before + 1000" 1 >/dev/null
  step "$kind: a restart ends a send with an error, and hangs nobody"
  on A timeout 30 "$warp" run --gate video --config "$lab/A.yaml" -- \
    $lab_python "$(dirname "$0")/warp_run.py" $kind "$lab/A.gate" 0 0 >"$lab/early" &
  flood=$!
  sleep 1
  kill_hard A
  wait $flood
  cat "$lab/early"
  expect_json "$lab/early" 'sent > 100 and error in ("ECONNREFUSED", "ECONNRESET", "EPIPE")'
  kill $echo_pid
  stop B
done
