#!/bin/bash
# An interface gets another MAC address, as bridges and bonds do, and then an MTU larger than any buffer. Traffic must
# go on.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
two_sites 2 1
echo_up
traffic 2000 1200
sleep 0.5
step "wan1 has another MAC address"
ip -n A link set wan1 address 02:00:00:00:77:01
ip -n M neigh flush dev a1  # otherwise the router would use the old address
sleep 0.5
wait_active A 2 5
carries 1 0
step "wan1 has an MTU of 9000"
ip -n A link set wan1 mtu 9000
sleep 0.5
status A 'status["ports"][1]["state"] == "up" and active() == 2' 5
carries 1 0
traffic_end
nothing_lost
