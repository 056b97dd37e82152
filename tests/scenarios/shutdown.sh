#!/bin/bash
# On SIGTERM a node tells its peers and the map, sends what it holds, removes its sockets, and ends with status 0.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
. "$(dirname "$0")/_init.sh"
two_sites 1 1
echo_up
traffic_for 1 1000 500
nothing_lost
status M 'status["map"]["registrations"] == 2' 5
before=$(ip -n A -o link | wc -l)
step "signals that mean no end"
for signal in HUP USR1 USR2 PIPE ALRM RTMIN; do kill -$signal "${pid_of[A]}"; done
traffic_for 1 1000 500
nothing_lost
grep -q 'reload: nothing differs' "$lab/A.log"
grep -q 'SIGUSR1 is ignored: it has no meaning here' "$lab/A.log"
step "A ends"
stop A
[[ ! -e $lab/A.sock ]]
[[ $(ip -n A -o link | wc -l) == "$before" ]]
status M 'status["map"]["sessions"] == 1' 2
status B 'status["peers"][0]["session"] is None and active() == 0' 2
step "the map and B end"
stop M
[[ ! -e $lab/M.sock ]]
stop B
[[ ! -e $lab/B.sock ]]
step "and A starts again where it was"
map_up
node_up B
node_up A
wait_active A 1
