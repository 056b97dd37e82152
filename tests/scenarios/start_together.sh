#!/bin/bash
# Both sides start at the same moment and begin a handshake with each other. They must agree every time.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
with_endpoints=yes
two_sites 2 1
echo_up
for round in 1 2 3 4; do
  step "round $round"
  stop A
  stop B
  node_launch A
  node_launch B
  ready A
  ready B
  wait_active A 2
  wait_active B 2
  traffic_for 1 1000 200
  nothing_lost
done
