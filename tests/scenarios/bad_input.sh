#!/bin/bash
# An attacker on the wire replays, reflects, truncates, changes and invents datagrams, to both nodes and to the map.
# Each sort is counted by name and changes nothing: no session, no path, no registration and no payload.
#
#   A wan0 -- a0 - M - b0 -- wan0 B         the attacker sits at a0 and b0
. "$(dirname "$0")/_init.sh"
router
site A 1 4
site B 1 4
map_up
node_config A B
node_config B A
# The attacker listens from before the first handshake.
on M $lab_python "$(dirname "$0")/bad_input.py" 8 a0 b0 &
attacker=$!
sleep 0.3
node_up A
node_up B
wait_active A 1
wait_active B 1
echo_up
paths='sorted((p["port"], p["endpoint"], p["state"]) for p in paths())'
before=$(status A "$paths")
age=$(status A 'status["peers"][0]["session"]["age_s"] + 2')
traffic 500 500
wait $attacker
for victim in A B M; do
  for name in truncated unknown_type unknown_session bad_counter duplicate unauthentic bad_mac; do
    status $victim "drop('$name')" 2 >/dev/null
  done
done
[[ $(status A "$paths") == "$before" ]]
status A "status['peers'][0]['session']['age_s'] > $age" 0
status M 'status["map"]["registrations"] == 2' 0

step "noise at a control socket"
$lab_python -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
try: s.sendall(os.urandom(100000))
except OSError: pass' "$lab/A.sock"
status A 'True' 1
traffic_end
nothing_lost
