#!/bin/bash
# A link that comes and goes ten times a second must harm nothing but itself.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'      a1's cable is loose, A's own wan1 goes down and up
. "$(dirname "$0")/_init.sh"
node_options="workers: 1"
two_sites 2 1
echo_up
traffic 2000 1200
for ((i = 0; i < 20; i++)); do
  cut a1
  sleep 0.05
  restore a1
  sleep 0.05
done
carries 1 0
for ((i = 0; i < 20; i++)); do
  ip -n A link set wan1 down
  sleep 0.05
  ip -n A link set wan1 up
  routes A 1
  sleep 0.05
done
carries 1 0
traffic_end
nothing_lost
