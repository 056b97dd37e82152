#!/bin/bash
# Nodes with two ports on two switches, one of them by XDP, find each other on both; each finds what is on its own link
# alone. A station that floods one of the switches with announcements keeps nobody from being found there.
#
#   A wan0 - | S0 | - wan0 B      A wan1 - | S1 | - wan1 B
#            |    | - wan0 C (floods)
. "$(dirname "$0")/_init.sh"
on_switches s0 s1
# plug A 0: the site's interface, and its cable to that switch.
plug() {
  veth "$1" "wan$2" $((10 + $2)) S "p${1,}$2" $((20 + 2 * $(number_of "$1") + $2))
  ip -n S link set "p${1,}$2" master "s$2"
  ip -n "$1" address add "10.9$2.0.$(number_of "$1")/24" dev "wan$2"
  ip -n "$1" address add "fd00:9$2::$(number_of "$1")/64" dev "wan$2" nodad
}
for site in A B; do
  namespace $site
  links_of[$site]=2
  plug $site 0
  plug $site 1
done
namespace C
plug C 0
for pair in "A B" "B A"; do
  node_config $pair
  sed -i 's/interface: wan1/&, driver: af_xdp/' "$lab/${pair:0:1}.yaml"
done
# By IPv4, by IPv6, and by link-local addresses.
found() { status "$1" "active('$2') == 3" 20 >/dev/null; }

step "each port finds the other node on its own link"
node_up A
node_up B
for site in A B; do
  for port in wan0 wan1; do found $site $port; done
  status $site "active('wan0', '10.91') == 0 and active('wan1', '10.90') == 0" >/dev/null
done
echo_up
stop B

step "a station floods a switch, while a node comes there"
ip -n B link set wan1 down
on C $lab_python -c 'import os, socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.90.0.3"))
end = time.time() + 60
while time.time() < end:
    for i in range(50):
        head = b"WARP\x01" + os.urandom(34) + struct.pack("<HBB", 13116, 1, 8) + os.urandom(16)
        s.sendto(head + os.urandom(128), ("224.0.0.254", 13115))
    time.sleep(0.005)' &
flooder=$!
status A "status['node']['discovery']['dropped']['stranger'] > 100" 20 >/dev/null
node_up B
found A wan0
found B wan0
kill -0 $flooder
kill $flooder
