#!/bin/bash
# Two nodes on one switch find each other without a map and without endpoints, by what they announce there. A third one,
# whose key they do not know, is not found and finds nobody, whatever it hears.
#
#   A wan0 - pa |
#   B wan0 - pb | S (a bridge)
#   C wan0 - pc |
. "$(dirname "$0")/_init.sh"
on_switches switch
# plug A 192.0.2.1 fd00:2::1: the site's interface, and its cable to the switch.
plug() {
  namespace "$1"
  links_of[$1]=1
  veth "$1" wan0 10 S "p${1,}" $((20 + $(number_of "$1")))
  ip -n S link set "p${1,}" master switch
  address "$1" "$2" "$3"
}
# address A 192.0.2.1 fd00:2::1: these, and the link-local one, are all that the interface has from now on.
address() {
  ip -n "$1" -4 address flush dev wan0
  ip -n "$1" -6 address flush dev wan0 scope global
  ip -n "$1" address add "$2/24" dev wan0
  ip -n "$1" address add "$3/64" dev wan0 nodad
}
discovery="status['node']['discovery']"
# announced: prints by what A announces itself, from now on to the first time by IPv6, which is the last one it uses.
announced() {
  timeout 20 ip netns exec S $lab_python -u -c 'import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("pa", 0))
print("listens")
family = b""
while family != b"\x86\xdd":
    frame, where = s.recvfrom(2000)
    if where[2] == socket.PACKET_OUTGOING or b"WARP\x01" not in frame: continue
    family = frame[12:14]
    print(family.hex())'
}
at() { status "$1" "path('wan0', '$2:')['state'] == 'active'" "${3:-10}" >/dev/null; }
reload() { timeout 60 "$warp" reload --socket "$lab/$1.sock" >"$lab/out" 2>&1 || fail "$(cat "$lab/out")"; }

plug A 192.0.2.1 fd00:2::1
plug B 192.0.2.2 fd00:2::2
plug C 192.0.2.3 fd00:2::3
node_config A B
node_config B A
# It knows A's key, which is no secret.
node_config C A

step "two nodes find each other: by each family, and by link-local addresses"
node_up C
node_up A
node_up B
begun=${EPOCHREALTIME/./}
wait_active A 3
wait_active B 3
echo "up after $(((${EPOCHREALTIME/./} - begun) / 1000)) ms"
at A 192.0.2.2
at B 192.0.2.1
echo_up

step "a stranger on the switch is not found, finds nobody, and disturbs nobody"
traffic 500 500
status C "$discovery['dropped']['stranger'] > 0 and $discovery['sent'] > 0" >/dev/null
status A "$discovery['dropped']['stranger'] > 0" 20 >/dev/null
status C "$discovery['heard'] == 0 and active() == 0 and status['peers'][0]['state'] != 'connected'" >/dev/null
for site in A B; do status $site "active() == 3 and len(status['peers']) == 1" >/dev/null; done
traffic_end
nothing_lost
stop C

step "unplugged and plugged in again"
ip -n S link set pb down
status A 'active() == 0' 20 >/dev/null
ip -n S link set pb up
wait_active A 3
wait_active B 3

step "an interface without an IPv4 address tells nobody the one of another interface"
ip -n A address add 203.0.113.9/32 dev lo
ip -n A -4 address flush dev wan0
status A 'active() == 2' 20 >/dev/null
announced >"$lab/announced" &
listener=$!
until grep -q listens "$lab/announced"; do sleep 0.1; done
ip -n A address add fd00:2::11/64 dev wan0 nodad  # it says so at once
wait $listener
[[ $(<"$lab/announced") == $'listens\n86dd' ]] || fail "A announces itself by IPv4"
ip -n A address del 203.0.113.9/32 dev lo
address A 192.0.2.1 fd00:2::1
wait_active A 3

step "both get other addresses while they do not hear each other"
ip -n S link set pb down
status A 'active() == 0' 20 >/dev/null
for site in A B; do ip -n $site link set wan0 addrgenmode none; done
for site in A B; do ip -n $site -6 address flush dev wan0; done
address A 198.51.100.1 fd00:3::1
address B 198.51.100.2 fd00:3::2
ip -n S link set pb up
at A 198.51.100.2 15
at B 198.51.100.1 15
traffic_for 1 500 500
nothing_lost

step "a reload takes it out: nobody is announced or found any more, and what works goes on"
traffic 500 500
for site in A B; do
  cp "$lab/$site.yaml" "$lab/$site.first"
  sed -i '/discover/d' "$lab/$site.yaml"
  reload $site
  status $site "$discovery is None and active() >= 1" >/dev/null
done
traffic_end
nothing_lost
[[ -z $(on A ss -Hlun "sport = :13115") ]] || fail "A still listens"
stop A
stop B
node_up A
node_up B
sleep 3
for site in A B; do status $site "active() == 0 and status['peers'][0]['state'] != 'connected'" >/dev/null; done

step "another reload brings it back"
for site in A B; do
  cp "$lab/$site.first" "$lab/$site.yaml"
  reload $site
done
at A 198.51.100.2
at B 198.51.100.1
