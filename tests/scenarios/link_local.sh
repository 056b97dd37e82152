#!/bin/bash
# Two cables between two machines that have nothing but link-local addresses, the same ones on both cables. The endpoints
# of A name the interface that leads to them; B knows one of them without, and learns the rest.
#
#   A wan0 fe80::a ---- fe80::b wan0 B
#   A wan1 fe80::a ---- fe80::b wan1 B
. "$(dirname "$0")/_init.sh"
with_map=no
namespace A
namespace B
lab_families=6
links_of[A]=2
links_of[B]=2
for i in 0 1; do
  ip -n A link add wan$i index $((10 + i)) address 02:00:00:00:0a:0$i type veth \
    peer name wan$i index $((20 + i)) address 02:00:00:00:0b:0$i netns B
  for site in A B; do
    ip -n "$site" link set wan$i addrgenmode none
    ip -n "$site" link set wan$i up
    ip -n "$site" address add "fe80::${site,}/64" dev wan$i nodad
  done
done
node_config A B
node_config B A
sed -i 's/endpoints: \[\]/endpoints: ["[fe80::b%wan0]:13116", "[fe80::b%wan1]:13116"]/' "$lab/A.yaml"
sed -i 's/endpoints: \[\]/endpoints: ["[fe80::a]:13116"]/' "$lab/B.yaml"
node_up A
node_up B
wait_active A 2
wait_active B 2
status A 'active("wan0") == 1 and active("wan1") == 1' 0
echo_up
step "each cable is the only one for a while"
traffic 200 500
for i in 0 1; do
  ip -n B link set wan$i down
  status A 'active() == 1' 5
  sleep 0.3
  ip -n B link set wan$i up
  ip -n B address replace fe80::b/64 dev wan$i nodad
  wait_active A 2
  wait_active B 2
done
traffic_end
nothing_lost
step "an endpoint without an interface"
stop A
stop B
sed -i 's/%wan[01]//; s/, "[^"]*%wan1[^"]*"//' "$lab/A.yaml"
node_up A
node_up B
wait_active A 2
step "an interface that is no port"
sed -i 's/\[fe80::b\]/[fe80::b%eth9]/' "$lab/A.yaml"
rejects A 'behind eth9, which is the interface of no port: write one of wan0, wan1' "$warp" check "$lab/A.yaml"
