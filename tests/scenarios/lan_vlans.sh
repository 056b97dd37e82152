#!/bin/bash
# One cable with three networks on it, and two nodes on one host. Each port finds what is in its own network alone: what
# has no tag, and VLANs, whose companions warpd makes; each node finds its own peer.
#
#   A wan0 (no tag, VLANs 10 and 20) - pa |          |- pd - wan0 D
#   C wan0 (no tag), on A's host          | S bridge |
#                                         |          |- pb - wan0 B (no tag, VLANs 10 and 20)
. "$(dirname "$0")/_init.sh"
on_switches switch
for site in A B D; do
  namespace $site
  veth $site wan0 10 S "p${site,}" $((20 + $(number_of $site)))
  ip -n S link set "p${site,}" master switch
done
# address A wan1 1: what the site's interface has in this network.
address() {
  ip -n "$1" address add "10.9$3.0.$(number_of "$1")/24" dev "$2"
  ip -n "$1" address add "fd00:9$3::$(number_of "$1")/64" dev "$2" nodad
}
links_of[A]=3 links_of[B]=3 links_of[C]=1 links_of[D]=1
for pair in "A B" "B A"; do
  node_config $pair
  site=${pair:0:1}
  sed -i -e 's/interface: wan1/interface: wan0, vlan: 10, kernel_interface: wan1/' \
    -e 's/interface: wan2/interface: wan0, vlan: 20, kernel_interface: wan2/' "$lab/$site.yaml"
done
for site in A B D; do address $site wan0 0; done
node_config C D
node_config D C
sed -i -e 's/^node:/&\n  listen_port: 13117/' -e 's/:9000/:9100/; s/:9001/:9101/' "$lab/C.yaml"
# By IPv4, by IPv6, and by link-local addresses.
found() { status "$1" "active('$2') == 3" 20 >/dev/null; }

step "each VLAN finds its own"
for site in A B; do
  node_up $site
  for i in 1 2; do address $site wan$i $i; done
done
for site in A B; do
  for i in 0 1 2; do
    found $site wan$i
    status $site "active('wan$i', '10.9$i.') == 1 and active('wan$i', '10.') == 1" >/dev/null
  done
done
echo_up

step "two nodes on one host each find their own peer"
launch C A "$warpd" --config "$lab/C.yaml"
ready C
node_up D
found C wan0
found D wan0
status D "all(':13117' in p['endpoint'] for p in paths())" >/dev/null
for site in A B; do status $site 'active() == 9' >/dev/null; done

step "one of them ends, and the other one goes on hearing"
stop A
stop D
sleep 2
node_up D
found C wan0
