#!/bin/bash
# The fastest way works in one direction only: what A sends by wan0 reaches B, but nothing comes back by it. Both nodes
# still agree on keys over the slow way, and A still uses the fast one.
#
#   A wan0 -- a0 ---->---. M - b0 -- wan0 B
#   A wan1 -- a1 - 20 ms '
. "$(dirname "$0")/_init.sh"
slow[a1]=20
router
lose b0 a0
site A 2 4
site B 1 4
map_up
node_config A B
node_config B A
node_up A
node_up B
wait_active A 2   # the answers to wan0's probes return by wan1
wait_active B 1
status B 'active(to="10.1.0.2") == 0' 0
echo_up
traffic_for 3 1000 500
nothing_lost
step "what A sent arrived first by the fast way"
status B 'path("wan0", "10.1.0.2:")["first"] > 2500' 1
