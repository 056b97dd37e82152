#!/bin/bash
# Two nodes come that nobody invited. C knows B's key, but B does not know C; and D has a wrong key for B. Neither gets
# a session, both are counted by name, and A and B do not notice.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   C wan0 -- c0 -'
#   D wan0 -- d0 -'
. "$(dirname "$0")/_init.sh"
two_sites 1 1
echo_up
site C 1 4
site D 1 4
with_endpoints=yes node_config C B
with_endpoints=yes node_config D B
sed -i "s|$(public_key B)|$(public_key somebody)|" "$lab/D.yaml"
traffic 1000 500
node_up C
node_up D
status B 'drop("unknown_peer")' 5
status B 'drop("bad_mac")' 5
for stranger in C D; do status $stranger 'status["peers"][0]["session"] is None and active() == 0' 0; done
status B 'len(status["peers"]) == 1 and len(paths()) == 1' 0
step "and the map tells C nothing of A"
with_map=yes node_config C A
stop C
node_up C
status C 'any(m["state"] == "registered" for m in status["maps"])' 5
sleep 1
status C 'len(paths()) == 0' 0
traffic_end
nothing_lost
