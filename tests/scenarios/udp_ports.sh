#!/bin/bash
# Ports that are UDP sockets, chosen by `driver: auto`: on a link without an Ethernet header, and everywhere for a user
# without rights. Neither the silence of one link nor the end of the other loses anything.
#
#   nobody's warpd at A | wan0 (tun) ==== wan0 (tun) | B, as root
#                       | wan1 (veth) === wan1 (veth)|
. "$(dirname "$0")/_init.sh"
with_map=no with_endpoints=yes
joined A B 2
for site in A B; do ip -n $site link del wan0 2>/dev/null || true; done
launch tun A $lab_python "$(dirname "$0")/tun_link.py" A B wan0
ready tun
for way in "A B" "B A"; do
  read -r site other <<<"$way"
  ip -n $site address add "10.$(number_of $site).0.2/24" dev wan0
  ip -n $site link set wan0 up
  ip -n $site route add "10.$(number_of $other).0.0/24" dev wan0
done
node_config A B
node_config B A
chmod 1777 "$lab"
chown nobody "$(key_file A)"
launch A A setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all --bounding-set=-all "$warpd" --config "$lab/A.yaml"
ready A

step "what comes by a link to the address of another is counted"
ip -n B route add 10.1.1.2/32 dev wan0
on B bash -c 'echo >/dev/udp/10.1.1.2/13116'
status A "drop('other_address') == 1" >/dev/null
ip -n B route del 10.1.1.2/32 dev wan0

node_up B
wait_active A 2
wait_active B 2
[[ $(grep Cap "/proc/${pid_of[A]}/status" | grep -cv 0000000000000000) == 0 ]] || fail "A has rights"

step "each port says what drives it and why"
driver() { status "$1" "[(p['driver'], p['driver_reason']) for p in status['ports'] if p['name'] == '$2'][0]"; }
driver A wan0 | grep -F "('udp', 'auto: wan0 has no Ethernet header')"
driver A wan1 | grep -F "('udp', 'auto: a packet socket needs CAP_NET_RAW and CAP_NET_ADMIN')"
driver B wan0 | grep -F "('udp', 'auto: wan0 has no Ethernet header')"
driver B wan1 | grep -F "auto: wan1 is Ethernet"
on B "$warp" check "$lab/B.yaml" | grep -F "port wan0: driver: udp (auto: wan0 has no Ethernet header)"

echo_up
traffic 1000 1200
carries 0 0
carries 1 1
step "the tun link falls silent, and comes back"
kill -STOP "${pid_of[tun]}"
status A 'active() == 1' 5 >/dev/null
kill -CONT "${pid_of[tun]}"
wait_active A 2
wait_active B 2
step "the host's own packet filter closes the tun link, and opens it"
on A nft -f - <<'NFT'
table inet own {
  chain output {
    type filter hook output priority 0
    oifname wan0 udp sport 13116 drop
  }
}
NFT
status A "drop('kernel_refused') > 0 and active() == 1" 5 >/dev/null
on A nft delete table inet own
wait_active A 2
wait_active B 2
step "the veth link is cut, and put back"
ip -n B link set wan1 down
status A 'active() == 1' 5 >/dev/null
ip -n B link set wan1 up
ip -n B route add 10.1.1.0/24 dev wan1
wait_active A 2
wait_active B 2
step "the tun interface of A has no address for a while"
ip -n A address del 10.1.0.2/24 dev wan0
status A 'active() == 1' 5 >/dev/null
ip -n A address add 10.1.0.2/24 dev wan0
ip -n A route replace 10.2.0.0/24 dev wan0
wait_active A 2
carries 0 0
traffic_end
nothing_lost
stop A && stop B
