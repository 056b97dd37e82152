#!/bin/bash
# An unmodified program uses the tunnel: wireguard-go at both sites has the gate as its endpoint, and carries a TCP
# connection while cables are pulled. Its MTU is 1400, WireGuard adds 32 bytes and WARP 36; IPv4 and UDP make that 1496.
#
#   iperf3 - wgA - gate | A wan0 -- a0 - M - b0 -- wan0 B | gate - wgB - iperf3
#                       | A wan1 -- a1 -' '- b1 -- wan1 B |
. "$(dirname "$0")/_init.sh"
two_sites 2 2
wireguard() {  # SITE PEER PORT ENDPOINT
  on "$1" wireguard-go "wg$1" 2>/dev/null
  on "$1" wg set "wg$1" listen-port "$3" private-key <(cat "$(key_file "wg$1")") \
    peer "$(public_key "wg$2")" allowed-ips 0.0.0.0/0 endpoint "$4"
  ip -n "$1" address add "192.168.77.$(number_of "$1")/24" dev "wg$1"
  ip -n "$1" link set "wg$1" mtu 1400 up
}
wireguard A B 51820 127.0.0.1:9000
wireguard B A 9001 127.0.0.1:9000
on A ping -c 3 -i 0.2 -W 2 -q 192.168.77.2 >/dev/null
on B iperf3 --server --one-off >/dev/null &
sleep 0.3
on A iperf3 --client 192.168.77.2 --time 8 --json >"$lab/iperf.json" &
iperf=$!
for cable in a0 b1 a1 b0; do
  sleep 0.8
  step "the cable of $cable is pulled"
  cut $cable
  sleep 0.4
  restore $cable
  wait_active A 4
done
wait $iperf
expect() { $lab_python -c 'import json, sys; r = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$@"; }
step "every interval carried something: the connection never stood still for a second"
expect "$lab/iperf.json" '"error" not in r and all(i["sum"]["bytes"] > 0 for i in r["intervals"])'
