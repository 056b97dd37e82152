#!/bin/bash
# A server with two addresses on one interface. Its client knows the second one, and sits behind a NAT that lets in only
# what comes from where the client wrote to. So handshakes, answers, probes and payloads of the server must all leave
# from that address. Without the NAT, the server's other address must be no second path over the same wire.
#
#   A wan0 -- a0 - M (NAT) - b0 -- wan0 B (10.2.0.2 and 10.2.0.3)
. "$(dirname "$0")/_init.sh"
with_map=no
router
on M nft -f - <<'NFT'
table ip nat {
  chain post {
    type nat hook postrouting priority 100;
    ip saddr 10.1.0.2 udp dport 13116 snat to 10.2.0.1:20000
  }
}
NFT
site A 1 4
site B 1 4
ip -n B address add 10.2.0.3/24 dev wan0
node_config B A
with_endpoints=yes node_config A B
sed -i 's/10\.2\.0\.2:13116/10.2.0.3:13116/' "$lab/A.yaml"
node_up A
node_up B
wait_active A 1
status B 'active(to="10.2.0.1:20000") == 1' 5
echo_up
traffic_for 2 500 500
nothing_lost
status A 'len(paths()) == 1' 0
step "the address goes and comes back"
ip -n B address del 10.2.0.3/24 dev wan0
status A 'active() == 0' 10
ip -n B address add 10.2.0.3/24 dev wan0
wait_active A 1
wait_active B 1
traffic_for 1 500 500
nothing_lost
step "without the NAT"
stop A
stop B
on M nft flush ruleset
on M conntrack -F 2>/dev/null || true
node_up A
node_up B
wait_active A 1
status B 'active(to="10.1.0.2:13116") == 1' 5
sleep 2
status A 'len(paths()) == 1' 0
step "the address goes, and the other one takes over"
ip -n B address del 10.2.0.3/24 dev wan0
status A 'active(to="10.2.0.2:") == 1' 10
