#!/bin/bash
# A port with IPv6 alone that is not told by which prefix its network translates. Name servers tell it (RFC 7050), or
# routers do (RFC 8781); what lies about it delays, and gets no payload.
#
#   A wan0 (IPv6) - tayga, name server, router - a0 : M (map) : b0 - wan0 B
#   A wan1 ------------------------------------- a1 :         : b1 - wan1 B
#
#     nat64_prefix.sh             the whole table
#     nat64_prefix.sh dns 2001:db8:64::/96
#     nat64_prefix.sh router 2001:db8:6464::/48
#     nat64_prefix.sh back 2001:db8:64::/96    the router takes its prefix back in mid-stream
#     nat64_prefix.sh liar 2001:db8:64::/96    routers lie from the start, and again when the port has found the prefix
. "$(dirname "$0")/_nat.sh"
command -v dnsmasq >/dev/null || { echo "skipped: there is no dnsmasq"; exit 77; }

if (($# == 0)); then
  each_row "dns 2001:db8:64::/96" "router 2001:db8:6464::/48" "back 2001:db8:64::/96" "liar 2001:db8:64::/96"
  exit
fi
row=$1
nat64_prefix=$2
port_options=", nat64: auto"
embedded() {  # ADDRESS: in the network's prefix
  $lab_python -c '
import ipaddress, sys
net, v4 = ipaddress.ip_network(sys.argv[1]), int(ipaddress.ip_address(sys.argv[2]))
at = net.prefixlen
bits = v4 << 128 - 32 - at if at == 96 else (v4 >> 32 - (64 - at)) << 64 | (v4 << 24 - (64 - at) + 32 & (1 << 56) - 1)
print(net.network_address + bits)' "$nat64_prefix" "$1"
}
advertise() { on nat-a0 $lab_python "$(dirname "$0")/advertise.py" in "$@"; }
prefix() { echo "next(port for port in status['ports'] if port['name'] == 'wan0')['nat64']"; }
name_server() {
  launch dns nat-a0 dnsmasq --no-daemon --user=root --pid-file= --conf-file=/dev/null --no-hosts --no-resolv \
    --bind-interfaces --listen-address="fd64:10::1" --host-record="ipv4only.arpa,$(embedded 192.0.0.170)"
  echo "nameserver fd64:10::1" >"$lab/resolv.conf"
  mount --bind "$lab/resolv.conf" "$(readlink -f /etc/resolv.conf)"  # in the laboratory's own mounts
}

router
watch_strays
map_up
nat_site A nat64 open
nat_site B open open
on A sysctl -qw net.ipv6.conf.wan0.accept_ra=2
source=router
if [[ $row == dns || $row == liar ]]; then
  name_server
  source=dns
fi
lie=2001:db8:bad::/96
case $row in
  router | back) advertise 60 "$nat64_prefix=600" & ;;
  liar) advertise 60 "$lie=600" & ;;
esac
advertiser=$!
node_config A B
node_config B A
both_up 15
status A "$(prefix) == {'prefix': '$nat64_prefix', 'source': '$source'}" 2 >/dev/null
case $row in
  dns | router)
    rebind a0
    took+=" rebind $(pairs A B | arrive)"
    black_hole a1
    sleep 1
    lift_black_hole a1
    ;;
  back)
    kill "$advertiser" 2>/dev/null || true
    advertise 0 "$nat64_prefix=0"
    # B may still come by it, and be answered where it comes from: at an address of IPv6 then.
    status A "$(prefix)['source'] == 'default' and active('wan0', '10.2.') == 0" 5 >/dev/null
    advertise 0 "$nat64_prefix=600"
    took+=" again $(pairs A B | arrive)"
    ;;
  liar)
    advertise 0 "$lie=600" "2001:db8:bad:1::/96=600"
    sleep 3
    black_hole a1
    sleep 1
    lift_black_hole a1
    status A "$(prefix) == {'prefix': '$nat64_prefix', 'source': 'dns'}" 1 >/dev/null
    ;;
esac
traffic_end
echo "took $took"
nothing_lost
no_strays
