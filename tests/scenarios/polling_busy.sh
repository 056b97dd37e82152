#!/bin/bash
# The workers never sleep. Each node has one worker, because the machine may have few CPUs.
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
# Of every 256 turns with work, one is measured stage by stage.
status A 'status["workers"][0]["stages"]["seal"]["cycles_per_packet"] > 0' 5 >/dev/null
status A '0 < status["workers"][0]["busy"] < 1' 0 >/dev/null
traffic_end
nothing_lost
