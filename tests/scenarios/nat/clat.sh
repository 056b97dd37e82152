#!/bin/bash
# A host behind a NAT64 that has IPv4 by a translator of its own (464XLAT, RFC 6877), as phones do. Its interface, with an
# address of 192.0.0.0/29, is a port like any other.
#
#   A clat (192.0.0.1, tayga) ~ wan0 (IPv6) - tayga - a0 : M (map) : b0 - wan0 B
#   A wan1 --------------------------------------------- a1 :         : b1 - wan1 B
. "$(dirname "$0")/_nat.sh"

router
watch_strays
map_up
nat_site A nat64 open
nat_site B open open
clat A wan0
node_config A B
node_config B A
sed -i 's/name: wan0, interface: wan0.*/name: wan0, interface: clat, driver: udp}/' "$lab/A.yaml"
both_up

step "each link is cut in turn, and the network's translator forgets all, gets other ports, and another address"
cut_and_rebind a0

step "it has IPv4 of its own, so that nobody needs a prefix; translated twice, packets grow in between"
status A "next(port for port in status['ports'] if port['name'] == 'wan0')['nat64'] is None" 1 >/dev/null
status A "[p['mtu'] for p in paths('wan0') if p['state'] == 'active'] == [1480, 1480]" 20 >/dev/null
status B "sorted(p['mtu'] for p in paths() if p['state'] == 'active') == [1480, 1480, 1500, 1500]" 20 >/dev/null
