#!/bin/bash
# The nodes sleep as soon as there is nothing to do. A's control thread is also its worker; B has two threads.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
router
site A 2 4
site B 1 4
map_up
node_options=$'polling: interrupt\nworkers: 0' node_config A B
node_options=$'polling: interrupt\nworkers: 1' node_config B A
node_up A
node_up B
wait_active A 2
wait_active B 2
status A 'status["node"]["polling"] == "interrupt"' 0
echo_up
traffic 500 1200
sleep 1
cut a0
sleep 1
restore a0
sleep 1
traffic_end
nothing_lost
