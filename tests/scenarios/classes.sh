#!/bin/bash
# Two boxes join the networks behind them: calls are replicated while everything else is spread over two unequal links, and
# what others wait for goes by a third tunnel. A link dies: the calls lose nothing.
#
#   hostA - lan A warp0 | wan0 -- 12 Mbit/s, 10 ms -- a0 - M - b0 -- wan0 | warp0 B lan - hostB
#                       | wan1 --  6 Mbit/s, 25 ms -- a1 -'
. "$(dirname "$0")/_init.sh"
slow[a0]=rate=12Mbit,delay=10ms,buffer=300ms
slow[a1]=rate=6Mbit,delay=25ms,buffer=300ms
router
site A 2 4
site B 1 4
map_up
lan A
lan B
classes='[{match: {dscp: ef}, tunnel: voice}, {match: {protocol: udp, port: [5004, 6000-6010]}, tunnel: voice}, {match: {interactive: true}, tunnel: quick}]'
box() {  # SITE PEER: the same at both ends
  local n other
  n=$(number_of "$1") other=$(number_of "$2")
  tunnel=office tunnel_options=$'mode: stripe\norder: 150ms' \
    tunnel_gate="{tun: {interface: warp0, address: 10.9.0.$n/30, routes: [10.9.0.0/30, 192.168.$other.0/24], classes: $classes}}" \
    node_config "$1" "$2"
  tunnel_gate='{class_of: office}'
  tunnel_options='mode: replicate' tunnel_config "$1" "$2" voice 2 0 >>"$lab/$1.yaml"
  tunnel_options='mode: adaptive' tunnel_config "$1" "$2" quick 3 0 >>"$lab/$1.yaml"
}
box A B
box B A
sed 's/class_of: office/class_of: voice/' "$lab/A.yaml" >"$lab/wrong.yaml"
step "a class that leads nowhere is told at once"
rejects A 'tunnels\[0\].gate.tun.classes\[0\].tunnel: the gate of voice must be .class_of: office' \
  bash -c '"$0" check --no-keys "$1" 2>&1 | head -n 1 >&2; exit 1' "$warp" "$lab/wrong.yaml"
node_up A
node_up B
wait_active A 2
lan_route A B
lan_route B A

from_app() {  # SITE TUNNEL
  status "$1" "next(t for t in status['tunnels'] if t['name'] == '$2')['from_app'] + 1"
}
call() {  # SECONDS: between the hosts, both ways
  on hostA "$warp" gauge tx --to 192.168.2.2:5004 --await-echo --rate 200 --size 200 --seconds "$1" --json \
    >"$lab/gauge.json" 2>"$lab/gauge.log"
}
on hostB "$warp" gauge echo --listen 192.168.2.2:5004 >"$lab/echo.log" 2>&1 &
listening hostB 5004

step "a mark has its class"
before=$(from_app A voice)
on hostA ping -c 5 -i 0.2 -W 2 -Q 0xb8 -q 192.168.2.2 >/dev/null
(($(from_app A voice) >= before + 5))
before=$(from_app A voice)
on hostA ping -c 5 -i 0.2 -W 2 -q 192.168.2.2 >/dev/null
(($(from_app A voice) == before))

step "a call goes over both links"
call 8 &
caller=$!
sleep 1
carries 0 0
carries 1 0
wait $caller
nothing_lost

step "beside a transfer, over a link that dies, it loses nothing"
before=$(from_app A voice)
on hostB iperf3 --server --one-off >/dev/null &
server=$!
sleep 0.3
on hostA iperf3 --client 192.168.2.2 --time 8 --json >"$lab/iperf.json" &
transfer=$!
sleep 1
call 6 &
caller=$!
sleep 2
black_hole a0
wait $caller
nothing_lost
wait $transfer
wait $server
$lab_python -c 'import json, sys; sys.exit("error" in json.load(open(sys.argv[1])))' "$lab/iperf.json"
# Of the two networks, one sent data and the other one what acknowledges it.
(($(from_app A voice) >= before + 1200))
(($(from_app A office) > 100))
(($(from_app A quick) > 1))
(($(from_app B quick) > 30))
(($(from_app B office) < $(from_app B quick)))
lift_black_hole a0
stop A
stop B
