#!/bin/bash
# Both ends have Unix gates. Payloads up to 64 KiB arrive whole while links vanish. warpd restarts while clients are
# blocked, and all of them learn of it. Nothing leaks.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -' '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"
app() { $lab_python "$(dirname "$0")/unix_gates.py" "$@"; }
descriptors() { ls "/proc/${pid_of[$1]}/fd" | wc -l; }
unix_gate() { sed -i "s|gate: .*|gate: {unix: {path: $lab/$1.gate, type: $kind, mode: \"0600\"$2}}|" "$lab/$1.yaml"; }
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
  before=$(descriptors A)
  app echo $kind "$lab/B.gate" "$lab/B.app" &
  echo_pid=$!
  if [[ $kind == datagram ]]; then
    until [[ -S $lab/B.app ]]; do sleep 0.05; done
  else
    status B 'status["tunnels"][0]["gate"]["clients"] == 1' 5
  fi
  step "$kind: sizes"
  [[ $(stat -c %a "$lab/A.gate") == 600 ]]
  app ask $kind "$lab/A.gate" "$lab/A.app" 1 1400 9000 65536 &
  ask_pid=$!
  sleep 0.1
  cut a0
  sleep 0.5
  restore a0
  wait $ask_pid
  status A 'sum(drop(name) for name in ("gate_full", "deadline", "too_large", "receiver_full")) == 0' 0
  step "$kind: restarts under five clients that send what they can"
  floods=()
  for i in 1 2 3 4 5; do
    app flood $kind "$lab/A.gate" 6 >"$lab/flood$i" &
    floods+=($!)
  done
  sleep 1
  stop A
  [[ ! -e $lab/A.gate ]]
  node_up A
  sleep 2
  kill_hard A
  node_up A
  wait "${floods[@]}"
  cat "$lab"/flood?
  awk '$1 == 0 || $2 < 2 {exit 1}' "$lab"/flood?
  wait_active A 4
  step "$kind: as if nothing had been"
  app ask $kind "$lab/A.gate" "$lab/A.app" 1400
  status A 'status["tunnels"][0]["gate"]["holding"] == 0 and status["tunnels"][0]["gate"].get("clients", 0) == 0' 5
  (($(descriptors A) <= before))
  kill $echo_pid
  stop A
  stop B
done
