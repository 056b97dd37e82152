#!/bin/bash
# Links between which no path leads: both sites' NATs are symmetric, or one is and the other is restricted by port, or the
# network between the sites lets no UDP pass. A map that relays forwards for them, until another path works; then the relay
# is left. A map that does not relay forwards nothing.
#
#   A wan0 - KIND - a0 : M (map, with a relay) : b0 - KIND - wan0 B
#
#     relay.sh                        the whole table
#     relay.sh symmetric port         then A's NAT becomes a full cone
#     relay.sh home home blocked      M lets no UDP pass between a0 and b0; then it does
#     relay.sh symmetric symmetric off   the map does not relay
. "$(dirname "$0")/_nat.sh"

table=("symmetric symmetric" "symmetric port" "home home blocked" "symmetric symmetric off")
if (($# == 0)); then
  each_row "${table[@]}"
  exit
fi
between=${3:-open}

router
watch_strays
relaying_map_up "$([[ $between == off ]] && echo false || echo true)"
nat_site A "$1"
nat_site B "$2"
block() { on M nft -f - <<<"table ip block { chain forward { type filter hook forward priority -20; meta l4proto udp drop; }; }"; }
[[ $between != blocked ]] || block
node_config A B
node_config B A
begun=${EPOCHREALTIME/./}
node_up A
node_up B
echo_up
relayed="[p for p in paths() if p['relayed'] and p['state'] == 'active']"
if [[ $between == off ]]; then
  sleep 6
  status A "active() == 0 and not [p for p in paths() if p['relayed']]" >/dev/null
  status M "status['map']['relay']['requests'] > 0 and status['map']['relay']['channels'] == 0" >/dev/null
  sed -i "s/^relay: .*/relay: {ports: 20000-20003}/" "$lab/M.yaml"
  "$warp" reload --socket "$lab/M.sock"
  status M "status['map']['relay']['on'] and status['map']['relay']['ports'] == 4" >/dev/null
  [[ $(on M ss -Hlun | grep -c ':2000[0-3] ') == 8 ]] || fail "the relay's ports are not open"
  sed -i "s/^relay: .*/relay: false/" "$lab/M.yaml"
  "$warp" reload --socket "$lab/M.sock"
  status M "not status['map']['relay']['on']" >/dev/null
  [[ -z $(on M ss -Hlun "sport >= :20000 and sport <= :20063") ]] || fail "the relay's ports are open"
  echo "took 0: nothing is relayed"
  exit
fi
status A "$relayed" 10 >/dev/null
status B "$relayed" 10 >/dev/null
took="up through the relay $(elapsed "$begun")"
traffic 200 1000
printf '%s\n' A/wan0/10.99. B/wan0/10.99. | arrive >/dev/null
sleep 2
status A "all(p['relayed'] for p in paths() if p['carries'])" >/dev/null
"$warp" status --socket "$lab/A.sock" >"$lab/said"
grep -q "connected through a map's relay" "$lab/said" || fail "the status does not say so"
status M "status['map']['relay']['open'] == 1 and status['map']['relay']['bytes'] > 100000" >/dev/null
if [[ $between == blocked ]]; then
  step "UDP passes again"
  on M nft delete table ip block
else
  step "A's NAT becomes a full cone"
  on nat-a0 nft delete table ip nat
  rules nat-a0 cone
  flush a0
fi
took+=" direct $(printf '%s\n' A/wan0/10.2. B/wan0/10.1. | arrive)"
status A "not [p for p in paths() if p['relayed'] and p['carries']]" >/dev/null
status B "not [p for p in paths() if p['relayed'] and p['carries']]" >/dev/null
sleep 1
bytes=$(status M "1 + status['map']['relay']['bytes']")
traffic_end
echo "took $took"
status M "status['map']['relay']['bytes'] < $bytes + 100000" >/dev/null
if [[ $between == blocked ]]; then nothing_lost; else expect_gauge 'received > 0 and duplicated == 0'; fi
no_strays
