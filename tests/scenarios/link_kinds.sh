#!/bin/bash
# Links of every kind that this kernel has join A and B, one of each: what `driver: auto` makes of it, and where there is no
# Ethernet header also `driver: af_packet`. Payloads pass over each, and the status says which driver it is and why. A kind
# that this kernel lacks is skipped by name, and tried with a kernel that has it (tests/guest/guest_link_kinds.sh).
#
#   A wan0 (veth) ======== wan0 B
#   A wan1 (vlan, or …) == wan1 B        and so on
. "$(dirname "$0")/_init.sh"
with_map=no with_endpoints=yes
joined A B 1
here=$(dirname "$0")
kinds=(veth) drivers=(auto)

# Each makes the interface wan<I> at both sites, or says what is missing. u<I> is the link below it, if there is one.
below() { veth A "u$1" $((60 + $1)) B "u$1" $((80 + $1)); }
make_vlan() {
  local site
  below "$1"
  for site in A B; do ip -n $site link add link "u$1" name "wan$1" type vlan id 100 || return; done
}
make_bond() {
  local site
  below "$1"
  for site in A B; do
    ip -n $site link add "wan$1" type bond mode active-backup || return
    ip -n $site link set "u$1" down
    ip -n $site link set "u$1" master "wan$1"
  done
}
make_wireguard() {
  local way site other wg  # wireguard-go has a socket by the name of the interface, so that the sites' differ at first
  below "$1"
  for way in "A B" "B A"; do
    read -r site other <<<"$way"
    wg=wg$site$1
    ip -n $site address add "172.16.$1.$(number_of $site)/24" dev "u$1"
    ip -n $site link add $wg type wireguard 2>/dev/null || on $site wireguard-go $wg 2>/dev/null || return
    on $site wg set $wg listen-port 51820 private-key <(cat "$(key_file "wg$site")") \
      peer "$(public_key "wg$other")" allowed-ips 0.0.0.0/0 endpoint "172.16.$1.$(number_of $other):51820" || return
    ip -n $site link set $wg name "wan$1" || return
  done
}
make_tun() { launch "tun$1" A $lab_python "$here/tun_link.py" A B "wan$1" && ready "tun$1"; }
make_rawip() { launch "tun$1" A $lab_python "$here/tun_link.py" A B "wan$1" 519 && ready "tun$1"; }
make_ppp() {
  local common="nodetach local noauth nodefaultroute noproxyarp novj noccp ifname wan$1"
  [[ -c /dev/ppp ]] && command -v pppd >/dev/null || return
  launch "ppp$1" A pppd $common "10.1.$1.2:10.2.$1.2" pty "ip netns exec B pppd notty $common 10.2.$1.2:10.1.$1.2"
  for ((try = 0; try < 100; try++)); do
    [[ -z $(ip -n A link show up dev "wan$1" 2>/dev/null) || -z $(ip -n B link show up dev "wan$1" 2>/dev/null) ]] || return 0
    sleep 0.1
  done
  return 1
}
add() {  # KIND DRIVER
  local i=${#kinds[@]} way site other
  if ! make_$1 "$i" >"$lab/make.log" 2>&1; then
    step "skipped: this system has no $1: $(tail -n 1 "$lab/make.log")"
    for way in "A wan" "A u" "B wan"; do ip -n ${way% *} link delete "${way#* }$i" 2>/dev/null || true; done
    return
  fi
  for way in "A B" "B A"; do
    read -r site other <<<"$way"
    ip -n $site address replace "10.$(number_of $site).$i.2/24" dev "wan$i"
    ip -n $site link set "wan$i" up
    ip -n $site route replace "10.$(number_of $other).$i.0/24" dev "wan$i"
  done
  kinds+=("$1") drivers+=("$2")
}
for kind in vlan bond wireguard tun rawip ppp; do add $kind auto; done
for kind in tun rawip ppp; do add $kind af_packet; done

links_of[A]=${#kinds[@]} links_of[B]=${#kinds[@]}
for way in "A B" "B A"; do
  node_options='max_ports: 16' node_config $way
  for i in "${!kinds[@]}"; do sed -i "s/interface: wan$i}/interface: wan$i, driver: ${drivers[i]}}/" "$lab/${way% *}.yaml"; done
done
node_up A
node_up B
wait_active A ${#kinds[@]} 30
wait_active B ${#kinds[@]} 30

echo_up
traffic 500 1200
for i in "${!kinds[@]}"; do
  said=$(status A "[(p['driver'], p['driver_reason'], p['mac']) for p in status['ports'] if p['name'] == 'wan$i'][0]")
  step "${kinds[i]}, driver ${drivers[i]}: $said"
  case ${kinds[i]}-${drivers[i]} in
    veth-auto | vlan-auto | bond-auto) [[ $said == *"'auto: wan$i is Ethernet, and packet sockets join frames'"* ||
      $said == *"'auto: packet sockets join no frames before Linux 6.2'"* ]] ;;
    *-auto) [[ $said == "('udp', 'auto: wan$i has no Ethernet header', None)" ]] ;;
    *-af_packet) [[ $said == "('af_packet', '', None)" ]] ;;
  esac
  carries "$i" "$i"
done
traffic_end
nothing_lost

step "each link carries the payloads by itself"
for i in "${!kinds[@]}"; do
  "$warp" tunnel set video "paths=wan$i" --socket "$lab/A.sock" >/dev/null
  "$warp" tunnel set video "paths=wan$i" --socket "$lab/B.sock" >/dev/null
  traffic_for 0.5 200 1200
  nothing_lost
done
stop A && stop B
