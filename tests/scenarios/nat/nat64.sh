#!/bin/bash
# A link that has IPv6 alone, as that of a mobile network, whose provider translates (NAT64), beside an ordinary one. The
# map and the peer have IPv4 alone. The tunnel is up over both links, and nothing is lost when one is cut, when the
# translator forgets all, and when it gets other ports or another address.
#
#   A wan0 (IPv6) - tayga, KIND - a0 .           . b0 - KIND - wan0 B
#   A wan1 ---------------------- a1 : M (map)   : b1 - KIND - wan1 B
#
#     nat64.sh                 the whole table
#     nat64.sh nat64 port      A's wan0 is behind the first, both links of B are behind the second
. "$(dirname "$0")/_nat.sh"

if (($# == 0)); then
  each_row "nat64 open" "nat64 port" "nat64-symmetric open" "nat64-symmetric cone" "nat64 nat64"
  exit
fi

router
watch_strays
map_up
nat_site A "$1" open
nat_site B "$2" "$2"
node_config A B
node_config B A
both_up

step "each link is cut in turn"
cut_and_rebind a0

step "what leaves by the link is IPv6, and the peer is known by its IPv4 addresses alone"
[[ -z $(ip -n A -4 address show dev wan0) ]] || fail "wan0 has an IPv4 address"
status A "not [p for p in paths() if p['endpoint'].startswith('[fd64:')]" 2 >/dev/null

step "a path is 20 bytes smaller than its link, since translation adds so many, and follows a hop behind the translator"
sizes() {  # SIZE: of the paths that A's wan0 has, at both ends
  local address=${outside_of[nat-a0]}
  status A "{p['mtu'] for p in paths('wan0') if p['state'] == 'active' and p['mtu_proven']} == {$1}" 20 >/dev/null
  status B "{p['mtu'] for p in paths(to='$address:') if p['state'] == 'active' and p['mtu_proven']} == {$1}" 20 >/dev/null
}
sizes 1480
ip -n M route replace "${outside_of[nat-a0]}/32" dev a0 mtu lock 1400
ip -n nat-a0 route replace default via 10.1.0.1 mtu lock 1400
traffic 200 1350
sleep 3
traffic_end
nothing_lost
sizes 1400
