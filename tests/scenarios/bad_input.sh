#!/bin/bash
# Somebody on the wire replays, reflects, truncates, changes and invents datagrams to both nodes and to the map. Each sort
# is counted by name, and changes nothing: no session, no path, no registration, no payload.
#
#   A wan0 -- a0 - M - b0 -- wan0 B         the attacker sits at a0 and b0, and at wan0 (towards the map)
. "$(dirname "$0")/_init.sh"
two_sites 1 1
echo_up
scenarios=$(dirname "$0")
paths='sorted((p["port"], p["endpoint"], p["state"]) for p in paths())'
before=$(status A "$paths")
age=$(status A 'status["peers"][0]["session"]["age_s"] + 4')
traffic 500 500
on M $lab_python "$scenarios/bad_input.py" 5 a0 b0 &
on A $lab_python "$scenarios/bad_input.py" 5 wan0 &
sleep 5.5
for site in A B; do
  for name in truncated unknown_type unknown_session bad_counter duplicate unauthentic bad_mac; do
    status $site "drop('$name')" 2 >/dev/null
  done
done
for name in truncated unknown_type unknown_session; do status M "drop('$name')" 2 >/dev/null; done
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
