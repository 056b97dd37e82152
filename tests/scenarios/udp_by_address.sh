#!/bin/bash
# Where no socket may be bound to an interface, A's ports are UDP sockets bound to an address each, and still leave by their
# own interfaces. When an interface gets another address its port follows; without any it waits. Nothing is lost.
#
#   A wan0 ==== wan0 B
#   A wan1 ==== wan1 B
. "$(dirname "$0")/_init.sh"
with_map=no with_endpoints=yes
joined A B 2
port_options=', driver: udp' node_config A B
node_config B A
launch A A "$warp_build/tests/scenarios/without_binding" "$warpd" --config "$lab/A.yaml"
ready A
node_up B
wait_active A 2
wait_active B 2
driver() { status A "[p['driver_reason'] for p in status['ports'] if p['name'] == '$1'][0]"; }
driver wan0 | grep -F "bound to 10.1.0.2, as this system lets no socket be bound to an interface"
driver wan1 | grep -F "bound to 10.1.1.2, "
"$warp" status --details --socket "$lab/A.sock" | grep -F "udp (bound to 10.1.0.2, "
echo_up
traffic 1000 1200
carries 0 0
carries 1 1

step "wan0 gets another address: the port is opened anew for it"
ip -n A address add 10.1.0.3/25 dev wan0  # of a prefix of its own, so that it outlives the first one
ip -n A address del 10.1.0.2/24 dev wan0
ip -n A route replace 10.2.0.0/24 dev wan0
status A "'bound to 10.1.0.3' in status['ports'][0]['driver_reason']" 5 >/dev/null
wait_active A 2
wait_active B 2
carries 0 0

step "wan0 has none for a while"
ip -n A address del 10.1.0.3/25 dev wan0
status A "'has no address to bind a socket to' in status['ports'][0]['reason'] and active() == 1" 5 >/dev/null
ip -n A address add 10.1.0.2/24 dev wan0
ip -n A route replace 10.2.0.0/24 dev wan0
status A "'bound to 10.1.0.2' in status['ports'][0]['driver_reason']" 5 >/dev/null
wait_active A 2
wait_active B 2

step "the link to the other address is cut: what is left does not leave by the wrong interface"
ip -n B link set wan1 down
status A 'active() == 1' 5 >/dev/null
carries 0 0
ip -n B link set wan1 up
ip -n B route add 10.1.1.0/24 dev wan1
wait_active A 2
traffic_end
nothing_lost
stop A && stop B
