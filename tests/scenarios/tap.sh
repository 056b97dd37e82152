#!/bin/bash
# Two boxes join the networks behind them to one Ethernet: ARP, IPv6's neighbour discovery, VLAN tags and TCP pass between
# their hosts. The TAP at A is the operator's, a member of a bridge, and stays.
#
#   hostA - lan [bridge] warp0 A - wan0, wan1 -- B warp0 [bridge] lan - hostB
. "$(dirname "$0")/_init.sh"
with_map=no with_endpoints=yes
tunnel_gate='{tap: {interface: warp0}}'
joined A B 2
bridge() {  # SITE: joins its host and warp0
  namespace "host$1"
  veth "host$1" eth0 20 "$1" lan 30
  ip -n "$1" link add bridge type bridge
  ip -n "$1" link set bridge up
  ip -n "$1" link set lan master bridge
  ip -n "$1" link set warp0 master bridge
  ip -n "host$1" address add "192.168.7.$(number_of "$1")/24" dev eth0
  ip -n "host$1" address add "fd07::$(number_of "$1")/64" dev eth0 nodad
  ip -n "host$1" link set eth0 mtu 1400
}
node_config A B
node_config B A
ip -n A tuntap add warp0 mode tap
node_up A
node_up B
wait_active A 2
bridge A
bridge B

step "ARP and neighbour discovery find the other host"
on hostA ping -c 3 -i 0.2 -W 2 -q 192.168.7.2 >/dev/null
on hostA ping -c 3 -i 0.2 -W 2 -q fd07::2 >/dev/null
step "a frame with a VLAN tag passes with it"
on hostB timeout 20 $lab_python -c '
import socket, struct
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as link:
    link.bind(("eth0", 0))
    link.setsockopt(263, 8, 1)  # PACKET_AUXDATA: the kernel takes tags out of frames
    while True:
        frame, extra, *_ = link.recvmsg(2000, 100)
        tci = [struct.unpack("IIIHHHH", data)[5] for _, _, data in extra]
        if b"through the tap" in frame and 5 in tci:
            break' &
receiver=$!
for ((i = 0; i < 20; i++)); do
  on hostA $lab_python -c '
import socket
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
    link.bind(("eth0", 0))
    link.send(b"\xff" * 6 + b"\2\0\0\0\0\7" + b"\x81\0\0\5" + b"\x88\xb5" + b"through the tap".ljust(50))'
  kill -0 $receiver 2>/dev/null || break
  sleep 0.3
done
wait $receiver
step "TCP passes whole"
head -c 20000000 /dev/urandom >"$lab/sent"
on hostB timeout 30 $lab_python -c '
import socket, sys
with socket.create_server(("", 5000)) as server, open(sys.argv[1], "wb") as out:
    peer = server.accept()[0]
    while data := peer.recv(65536):
        out.write(data)' "$lab/got" &
server=$!
sleep 0.5
on hostA timeout 30 $lab_python -c '
import socket, sys
with socket.create_connection(("192.168.7.2", 5000)) as peer:
    peer.sendall(open(sys.argv[1], "rb").read())' "$lab/sent"
wait $server
cmp "$lab/sent" "$lab/got"
status A 'status["tunnels"][0]["gate"]["cut"] > 0' 0 >/dev/null
status B 'status["tunnels"][0]["gate"]["joined"] > 0' 0 >/dev/null
stop A
step "the operator's interface is still there, and in its bridge"
[[ $(on A cat /sys/class/net/warp0/master/ifindex) == "$(on A cat /sys/class/net/bridge/ifindex)" ]]
