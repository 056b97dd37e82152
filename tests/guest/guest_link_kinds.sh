#!/bin/bash
# Links of the kinds that the kernels of containers and clouds lack, with the kernel of this Debian release. Both sites are
# namespaces of the guest. `driver: auto` chooses by what the interface is and what the kernel can do, the status says which
# and why, each link carries payloads both ways, and nothing is lost while any of them is cut.
#
#   A wan0 (vlan) ======== wan0 B
#   A wan1 (bond) ======== wan1 B        and so on
. "$(dirname "$0")/_guest.sh"
kinds=(vlan bond rawip ppp rawip ppp) drivers=(auto auto auto auto af_packet af_packet)

links_of[A]=${#kinds[@]} links_of[B]=${#kinds[@]}
# A payload may wait for a guest that has no CPU for a moment.
lab_families=4 with_map=no with_endpoints=yes node_options='max_ports: 16' tunnel_options='deadline: 20s'
for way in "A B" "B A"; do
  node_config $way
  for i in "${!kinds[@]}"; do sed -i "s/interface: wan$i}/interface: wan$i, driver: ${drivers[i]}}/" "$lab/${way% *}.yaml"; done
done
$lab_python "$guest_room/initrd.py" "$lab/initrd" "$fetched" "$warp_build" "$lab"/{A,B}.{yaml,key} --programs pppd \
  --script "$guest_room/../scenarios/tun_link.py" --modules tun,veth,8021q,bonding,ppp_async
guest_boot -- -- -m 1024
guest 'for site in A B; do /usr/bin/ip netns add $site; /usr/bin/ip -n $site link set lo up; done'

step "two sites with ${#kinds[@]} links"
for i in "${!kinds[@]}"; do guest "make_link ${kinds[i]} $i"; done
guest 'node_up A A && node_up B B'
guest '/usr/bin/ip netns exec B warp gauge echo --listen 127.0.0.1:9001 >/run/lab/echo.log 2>&1 &'
for site in A B; do guest_status "active() == ${#kinds[@]}" 240 $site >/dev/null; done

step "the status says which driver each has, and why"
for i in "${!kinds[@]}"; do
  said=$(guest_status "[(p['driver'], p['driver_reason']) for p in status['ports'] if p['name'] == 'wan$i'][0]")
  echo "${kinds[i]}, driver ${drivers[i]}: $said"
  case ${kinds[i]}-${drivers[i]} in
    vlan-auto | bond-auto) [[ $said == "('af_packet', 'auto: wan$i is Ethernet, and packet sockets join frames')" ||
      $said == "('udp', 'auto: packet sockets join no frames before Linux 6.2')" ]] ;;
    *-auto) [[ $said == "('udp', 'auto: wan$i has no Ethernet header')" ]] ;;
    *-af_packet) [[ $said == "('af_packet', '')" ]] ;;
  esac
done

step "each of them carries payloads both ways"
guest_traffic A
for site in A B; do
  guest_status "sum(path['first'] + path['duplicates'] > 40 for path in paths()) == ${#kinds[@]}" 240 $site >/dev/null
done

for i in "${!kinds[@]}"; do
  step "nothing is lost while wan$i is cut (${kinds[i]}, driver ${drivers[i]})"
  guest "/usr/bin/ip -n B link set wan$i down"
  guest_status "active('wan$i') == 0 and active() == ${#kinds[@]} - 1" 240 >/dev/null
  guest "open_link B A $i"
  guest_status "active() == ${#kinds[@]}" 240 >/dev/null
done
guest_traffic_end
nothing_lost
guest 'node_down A && node_down B'
