#!/bin/bash
# Addresses of a link that change while payloads flow: a DHCP server that gives another one, a router that advertises
# another prefix, deprecates the one before, and takes it away. The other link carries meanwhile, and nothing is lost.
#
#   A wan0 -- a0 .           . b0 -- wan0 B
#   A wan1 -- a1 : M (map)   : b1 -- wan1 B
. "$(dirname "$0")/_nat.sh"
command -v radvd >/dev/null || { echo "skipped: there is no radvd"; exit 77; }

if (($# == 0)); then
  each_row dhcp prefix
  exit
fi

# advertise PREFIX…: what M says of itself at a0. radvd deprecates on its own what it said before and says no more.
advertise() {
  local prefix
  {
    echo "interface a0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 1800;"
    for prefix in "$@"; do
      echo "  prefix $prefix { AdvOnLink on; AdvAutonomous on; DeprecatePrefix on; AdvValidLifetime 7200; AdvPreferredLifetime 3600; };"
    done
    echo "};"
  } >"$lab/radvd.conf"
  if [[ -n ${pid_of[radvd]:-} ]]; then
    kill -HUP "${pid_of[radvd]}"
  else
    launch radvd M radvd --nodaemon --config "$lab/radvd.conf" --pidfile "$lab/radvd.pid" --logmethod stderr
  fi
}

families=4
[[ $1 == dhcp ]] || families=6
router
site A 2 $families
site B 2 $families
map_up
if [[ $1 == prefix ]]; then
  # A's wan0 has what its router says, from the first address on.
  ip -n A -6 address flush dev wan0 scope global
  ip -n A -6 route flush dev wan0 proto boot
  ip -n M address add fd0a:1::1/64 dev a0 nodad
  ip -n M address add fd0a:2::1/64 dev a0 nodad
  on A sysctl -qw net.ipv6.conf.wan0.accept_ra=2 net.ipv6.conf.wan0.autoconf=1
  advertise fd0a:1::/64
  for ((i = 0; i < 100; i++)); do [[ -z $(ip -n A -6 address show dev wan0 scope global) ]] || break; sleep 0.1; done
fi
node_config A B
node_config B A
node_up A
node_up B
echo_up
traffic 500 1000
ways() { printf '%s\n' "B/wan0/$1" "B/wan1/$1" A/wan0/ A/wan1/; }
case $1 in
  dhcp)
    took="up $(pairs A B | arrive)"
    for last in 7 8; do
      ip -n A address flush dev wan0
      [[ $last == 7 ]] || sleep 1
      ip -n A address add 10.1.0.$last/24 dev wan0
      routes A 0
      took+=" renumbered $(ways "10.1.0.$last" | arrive)"
    done
    ;;
  prefix)
    took="up $(ways '[fd0a:1:' | arrive)"
    step "another prefix beside the first one"
    advertise fd0a:1::/64 fd0a:2::/64
    for ((i = 0; i < 100; i++)); do ip -n A -6 address show dev wan0 | grep -q fd0a:2: && break; sleep 0.1; done
    sleep 0.5
    step "the first one is deprecated"
    old=$(ip -n A -6 -o address show dev wan0 | grep -o 'fd0a:1:[^ /]*')
    ip -n A address change "$old/64" dev wan0 preferred_lft 0 valid_lft 7200
    advertise fd0a:2::/64
    took+=" deprecated $(ways '[fd0a:2:' | arrive)"
    step "and taken away"
    ip -n A address del "$old/64" dev wan0
    took+=" gone $(ways '[fd0a:2:' | arrive)"
    ;;
esac
traffic_end
echo "took $took"
nothing_lost
