#!/bin/bash
# The order of starting does not matter. The map may come last, and is not needed where endpoints are configured.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
. "$(dirname "$0")/_init.sh"
router
site A 1 4
site B 1 4
converges() {
  wait_active A 1
  wait_active B 1
  traffic_for 1 1000 200
  nothing_lost
}
echo_up
node_config A B
node_config B A
step "B, A, and then the map"
node_up B
node_up A
sleep 1.5
status A 'active() == 0' 0 >/dev/null
map_up
converges
stop A
stop B
stop M

step "no map: A knows where B is, and B learns where A is"
with_map=no with_endpoints=yes node_config A B
with_map=no node_config B A
node_up A
sleep 1
node_up B
converges
