#!/bin/bash
# Two boxes bond two unequal links for the networks behind them: one TCP connection of a host uses the sum of the links, goes
# on when one dies, and the interface that was deleted is back.
#
#   hostA - lan A warp0 | wan0 -- 12 Mbit/s, 10 ms -- a0 - M - b0 -- wan0 | warp0 B lan - hostB
#                       | wan1 --  6 Mbit/s, 25 ms -- a1 -'
. "$(dirname "$0")/_init.sh"
slow[a0]=rate=12Mbit,delay=10ms,buffer=300ms
slow[a1]=rate=6Mbit,delay=25ms,buffer=300ms
tunnel_options=$'mode: stripe\norder: 150ms'
router
site A 2 4
site B 1 4
map_up
lan A
lan B
tunnel_gate='{tun: {interface: warp0, address: [10.9.0.1/30], routes: [10.9.0.0/30, 192.168.2.0/24]}}' node_config A B
tunnel_gate='{tun: {interface: warp0, address: [10.9.0.2/30], routes: [10.9.0.0/30, 192.168.1.0/24]}}' node_config B A

step "an interface of another kind has the name"
ip -n A tuntap add warp0 mode tap
rejects A 'tunnel video: interface warp0: an interface of that name exists and is no TUN' "$warpd" --config "$lab/A.yaml"
ip -n A link del warp0

node_up A
node_up B
wait_active A 2
lan_route A B
lan_route B A

step "small packets"
on hostA ping -c 3 -i 0.2 -W 2 -q 192.168.2.2 >/dev/null
on A ping -c 1 -W 2 -q 10.9.0.2 >/dev/null
step "nothing is cut: a packet of the MTU goes in one piece"
mtu=$(status A 'status["tunnels"][0]["gate"]["mtu"] == 1428 and 1428')
[[ $(on A cat /sys/class/net/warp0/mtu) == "$mtu" ]]
on A ping -c 1 -W 2 -q -M do -s $((mtu - 28)) 10.9.0.2 >/dev/null

tcp() {  # SECONDS: from hostA to hostB
  on hostB iperf3 --server --one-off >/dev/null &
  local server=$!
  sleep 0.3
  on hostA iperf3 --client 192.168.2.2 --time "$1" --json >"$lab/iperf.json"
  wait $server
}
expect() { $lab_python -c 'import json, sys; r = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$lab/iperf.json" "$1"; }

step "one connection of a host has more than the faster link"
tcp 8
expect '"error" not in r and r["end"]["sum_received"]["bits_per_second"] > 12e6'
for at in A B; do
  status $at 'status["tunnels"][0]["gate"]["cut" if "'$at'" == "A" else "joined"] > 0' 0 >/dev/null
done
# What acknowledges it goes ahead of whatever waits, without a class.
status B 'status["tunnels"][0]["spread"]["ahead"] > 100' 0 >/dev/null

step "a link dies, and the connection goes on"
tcp 7 &
transfer=$!
sleep 2.5
black_hole a0
wait $transfer
expect '"error" not in r and all(i["sum"]["bytes"] > 0 for i in r["intervals"][-2:])'
lift_black_hole a0

step "the interface is deleted, and made anew"
ip -n A link del warp0
status A 'status["tunnels"][0]["gate"]["trouble"] == ""' >/dev/null
for ((i = 0; i < 100; i++)); do ! on A test -e /sys/class/net/warp0 || break; sleep 0.1; done
lan_route A B
on hostA ping -c 5 -i 0.2 -W 2 -q 192.168.2.2 >/dev/null
step "who is not behind the peer does not come in"
ip -n B address add 10.66.0.1/32 dev lo
on B ping -c 1 -W 1 -q -I 10.66.0.1 192.168.1.2 >/dev/null && fail "a spoofed packet was answered"
status A 'status["tunnels"][0]["drops"].get("spoofed_source", 0) > 0' >/dev/null
stop A
! on A test -e /sys/class/net/warp0
