#!/bin/bash
# One cable with three networks on it: what has no tag, VLAN 10 and VLAN 20. Each is a port at both ends. The kernel has no
# interfaces for the VLANs, so that warpd makes companions, whose addresses the operator sets. vlan_af_xdp.sh sets `driver`.
#
#                 ┌ wan0 (no tag)          no tag) wan0 ┐
#   A  eth, here ─┼ wan1 (VLAN 10) ═ wan0 = (10)  wan1 ─┼─ B
#         wan0    └ wan2 (VLAN 20)          (20)  wan2 ┘
. "$(dirname "$0")/_init.sh"
driver=${driver:-auto}
with_map=no with_endpoints=yes port_options=", driver: $driver"
joined A B 1
links_of[A]=3 links_of[B]=3
for way in "A B" "B A"; do
  read -r site other <<<"$way"
  [[ $driver != af_xdp ]] || on $site ethtool -K wan0 rxvlan off
  node_config $site $other
  sed -i -e 's/interface: wan1,/interface: wan0, vlan: 10, kernel_interface: wan1,/' \
    -e 's/interface: wan2,/interface: wan0, vlan: 20, kernel_interface: wan2,/' "$lab/$site.yaml"
done
address() {  # SITE OTHER INTERFACE NUMBER: as joined does for a link
  ip -n "$1" address replace "10.$(number_of "$1").$4.2/24" dev "$3"
  ip -n "$1" route replace "10.$(number_of "$2").$4.0/24" dev "$3"
}
for way in "A B" "B A"; do
  read -r site other <<<"$way"
  node_up $site
  for i in 1 2; do address $site $other wan$i $i; done
done
wait_active A 3
wait_active B 3

step "the kernels reach each other through the companions"
for i in 1 2; do on A ping -c 3 -i 0.05 -W 1 -q 10.2.$i.2 | grep -q ' 0% packet loss'; done

step "payloads travel over each VLAN, with its tag"
status A "[(p['vlan'], p['kernel_interface'], p['driver'], p['device']) for p in status['ports']]" >"$lab/said"
[[ $driver != auto ]] ||
  grep -F "[(None, 'wan0', 'af_packet', 'wan0'), (10, 'wan1', 'af_packet', 'wan0'), (20, 'wan2', 'af_packet', 'wan0')]" "$lab/said"
echo_up
traffic 1000 1200
for i in 0 1 2; do carries $i $i; done
if [[ $driver == auto ]]; then  # XDP takes the frames before a packet socket sees them
  on B $lab_python "$(dirname "$0")/vlan_tags.py" wan0 1 >"$lab/tags.json"
  expect_json "$lab/tags.json" 'untagged > 20 and vlan10 > 20 and vlan20 > 20'
fi

step "one VLAN goes at one end, and comes back"
ip -n B link set wan1 down
# A hears by the other paths that what it sends over this one arrives, as long as it does: until its kernel asks for the
# neighbour again, which would take up to a minute.
ip -n A neigh flush dev wan1
status A 'active() == 2' 20 >/dev/null
ip -n B link set wan1 up
address B A wan1 1
wait_active A 3
wait_active B 3
traffic_end
nothing_lost

step "the cable takes all of them along, and brings them back"
ip -n B link set wan0 down
status A 'active() == 0 and all(p["state"] == "down" for p in status["ports"])' 5 >/dev/null
ip -n B link set wan0 up
address B A wan0 0
wait_active A 3
wait_active B 3
traffic_for 1 500 1200
nothing_lost
stop A && stop B
[[ -z $(ip -n A link show wan1 2>/dev/null) ]]  # the companion has gone with its maker
