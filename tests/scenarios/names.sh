#!/bin/bash
# Peers known by name. Names that no name server answers hold up no other; a peer that falls silent is asked for at once;
# and a name is found over the second uplink where the first, which has the default route, is dead.
#
#   A wan0 -- a0 - M - b0 -- wan0 B      M: the name server, 10.99.0.1
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
with_map=no
router
site A 2 4
site B 1 4
echo "10.2.0.2 b.warp.example" >"$lab/hosts"
# Nobody answers at 10.1.0.99, so that whoever asks for these names waits.
ip netns exec M dnsmasq --no-daemon --user=root --pid-file= --conf-file=/dev/null --no-hosts --no-resolv --bind-interfaces \
  --listen-address=10.99.0.1 --server=/dead.example/10.1.0.99 --local=/warp.example/ --addn-hosts="$lab/hosts" \
  2>"$lab/dns.log" &
dns_pid=$!
echo "nameserver 10.99.0.1" >"$lab/resolv.conf"
mount --bind "$lab/resolv.conf" "$(readlink -f /etc/resolv.conf)"  # in the laboratory's own mounts
# moves_to ADDRESS: B and its name have another address. B is started anew, and knows no address of A.
moves_to() {
  echo "$1 b.warp.example" >"$lab/hosts"
  kill -HUP "$dns_pid"
  [[ -z ${pid_of[B]:-} ]] || stop B
  ip -n B address flush dev wan0
  ip -n B address add "$1/24" dev wan0
  routes B 0
  node_up B
}
node_config A B
node_config B A
endpoints='"n1.dead.example:13116", "n2.dead.example:13116", "n3.dead.example:13116", "n4.dead.example:13116"'
sed -i "s/endpoints: \[\]/endpoints: [$endpoints, \"b.warp.example:13116\"]/" "$lab/A.yaml"
listening M 53
step "four names that nobody answers, and one that is good"
node_up B
node_up A
wait_active A 2 5
step "the peer moves, and only its name tells where"
moves_to 10.2.0.7
status A "path('wan0', '10.2.0.7:')['state'] == 'active'" 12
step "the uplink with the default route is dead, and the peer moves"
black_hole a0
status A "path('wan0', '10.2.0.7:')['state'] == 'lost'" 10
moves_to 10.2.0.8
status A "path('wan1', '10.2.0.8:')['state'] == 'active'" 20
