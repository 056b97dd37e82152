#!/bin/bash
# Workers that never sleep: one each, since the machine may have few CPUs.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
node_options=$'polling: busy\nworkers: 1'
two_sites 2 1
status A 'status["node"]["polling"] == "busy"' 0
echo_up
traffic 500 1200
sleep 1
cut a0
sleep 1
restore a0
sleep 1
traffic_end
nothing_lost
