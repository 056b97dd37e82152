#!/bin/bash
# One entry of A's configuration is a port for each interface whose name matches. Interfaces are made, deleted, made anew
# and renamed while payloads flow; one link stays, and nothing is lost. There is room for three ports.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wwan… -- a… -'           (wwan0, wwan1, …: they come and go)
. "$(dirname "$0")/_init.sh"
router
site A 1 4
site B 1 4
map_up
node_options="max_ports: 3
state_directory: $lab/state" node_config A B
node_config B A
sed -i 's/^peers:/  - {name: lte, interface: "wwan*", except: ["wwan9", "*x"], tier: 2, cap: {bytes: 1GB}}\n&/' "$lab/A.yaml"

# modem 1 [NAME]: puts a link to M into A, which is then called wwan1 or NAME, with the addresses of link 1.
modem() {
  link A "$1"
  ip -n A link set "wan$1" down
  ip -n A link set "wan$1" name "${2:-wwan$1}"
  ip -n A link set "${2:-wwan$1}" up
  ip -n A route replace default via "10.1.$1.1" dev "${2:-wwan$1}" metric $((100 + $1))
}
ports() { status "$1" "' '.join(p['name'] for p in status['ports']) == '$2'" "${3:-1}" >/dev/null; }

step "the pattern and what it matches now"
modem 1
on A "$warp" check "$lab/A.yaml" | grep -F "ports lte: wwan1"
on A "$warp" check "$lab/A.yaml" | grep -E "port wwan1: driver: (af_packet|udp) \(auto: "
node_up A
node_up B
ports A "wan0 wwan1"
wait_active A 2
wait_active B 2
status A "status['ports'][1]['tier'] == 2 and status['ports'][1]['pattern'] == 'lte'" 0 >/dev/null
"$warp" status --details --socket "$lab/A.sock" | grep -F "lte (wwan*): wwan1"
echo_up
traffic 1000 1000
carries 0 0

step "another one is plugged in, and a third one finds no room"
modem 2
ports A "wan0 wwan1 wwan2"
wait_active A 3 5
modem 3
modem 4 wwan4x
status A "status['patterns'][0]['without_port'] == 1" 1 >/dev/null
status A "'wwan3 has no port: all 3 ports (node.max_ports) are in use' in status['patterns'][0]['reason']" 0 >/dev/null
grep -q 'ports lte: wwan3 has no port: all 3 ports' "$lab/A.log"

step "one is pulled out, and the third one takes its place"
status A "status['ports'][1]['cap']['used'] > 1000" >/dev/null
used=$(status A "status['ports'][1]['cap']['used']" 0)
ip -n A link delete wwan1
ports A "wan0 wwan2 wwan3"
status A "status['patterns'][0]['without_port'] == 0" 0 >/dev/null
wait_active A 3 5

step "one is made anew under its name, while the other one is renamed: out of the pattern, and in again"
ip -n A link delete wwan2
modem 2
ip -n A link set wwan3 down
ip -n A link set wwan3 name other
ports A "wan0 wwan2"
wait_active A 2 5
ip -n A link set other name wwan5
ip -n A link set wwan5 up
ip -n A route replace default via 10.1.3.1 dev wwan5 metric 103
ports A "wan0 wwan2 wwan5"
wait_active A 3 5

step "an interface that was there before has carried what it had"
ip -n A link delete wwan5
modem 1
ports A "wan0 wwan2 wwan1"
status A "status['ports'][2]['cap']['used'] >= $used" 0 >/dev/null
"$warp" cap --socket "$lab/A.sock" | grep -Eq '^wwan1 '
wait_active A 3 5

step "what is left out by name stays left out"
status A "all(p['name'] != 'wwan4x' for p in status['ports'])" 0 >/dev/null

step "ten comings and goings, one after the other"
for round in 1 2 3 4 5 6 7 8 9 10; do
  ip -n A link delete wwan1
  modem 1
done
ports A "wan0 wwan2 wwan1"
wait_active A 3 5
wait_active B 3 5
carries 0 0
traffic_end
nothing_lost
stop A && stop B
