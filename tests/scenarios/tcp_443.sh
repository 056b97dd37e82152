#!/bin/bash
# A is where no UDP gets out at all, as in a hotel. It comes to its map by a TLS connection to port 443: it registers,
# finds B, and exchanges payloads with it through the map's relay. Then B loses UDP, too. UDP is allowed again, and both
# leave TLS and the relay for it; the map is restarted, and A comes back.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
. "$(dirname "$0")/_init.sh"
map_up() {
  {
    echo "private_key_file: $(key_file M)"
    echo "control_socket: $lab/M.sock"
    echo "relay: true"
    echo "stream: {${tls_files:-}}"
  } >"$lab/M.yaml"
  launch M M "$warp_map" --config "$lab/M.yaml"
  ready M
}
# block_udp LINK [from]: whatever is UDP and from or to this site; or from it alone.
block_udp() {
  on M nft -f - <<EOF
table inet hotel_$1 {
  chain from { type filter hook prerouting priority -300; iifname "$1" meta l4proto udp drop; }
  chain to { type filter hook postrouting priority 300; oifname "${2:+none-}$1" meta l4proto udp drop; }
}
EOF
}
allow_udp() { on M nft delete table inet "hotel_$1"; }
holds() { status "$1" "$2" "${3:-20}" >/dev/null || fail "$1: not true: $2"; }
port() { echo "[p for p in status['ports'] if p['name'] == '$1']"; }
streams() { holds M "status['streams']['open'] == $1 and status['streams']['proven'] == $1" "${2:-20}"; }
registered() { echo "any(r['port'] == '$1' for r in status['maps'][0]['registrations'])"; }
relayed="[p for p in paths() if p['relayed'] and p['carries']]"
direct="[p for p in paths() if not p['relayed'] and p['carries']]"

router
site A 1 4
site B 1 4
block_udp a0
map_up
node_options="state_directory: $lab/state" node_config A B
node_config B A
for site in A B; do sed -i 's/^\(  - {address: .*\)}$/\1, tcp: 443}/' "$lab/$site.yaml"; done
node_up B
holds B "$(registered wan0)"
echo_up

step "A comes up through TLS"
node_up A
holds A "$(registered wan0/tcp)" 30
holds A "$(port wan0/tcp)[0]['driver'] == 'tcp' and $(port wan0/tcp)[0]['stream']['state'] == 'open'"
streams 1
# B has UDP and needs nothing else.
holds B "not $(port wan0/tcp)"

step "payloads go through TLS, the relay, and B's UDP"
holds A "$relayed" 40
holds B "$relayed" 40
traffic_for 3 200 300
nothing_lost
# B hears of no address that datagrams do not reach.
holds B "all(':13116' in p['endpoint'] or p['relayed'] for q in status['peers'] for p in q['paths'])"

# by_tcp SITE: a path of the connection's leads to the peer, and carries.
by_tcp() { holds "$1" "[p for p in $relayed if p['port'] == 'wan0/tcp' and p['state'] == 'active']" "$2"; }
# The silence that makes a connection is 5 s. The next refresh begins it, 10 s later at most; then TLS, the register and
# the relay have their round trips.
failover=25

# What is sent to B still arrives, so that nothing but its own registers tells it that its UDP is gone. Once it was back
# after a minute.
step "B loses UDP in midstream, while it is relayed: what it sends"
traffic 50 300
sleep 1
block_udp b0 from
by_tcp B $failover
by_tcp A $failover
streams 2
traffic_end
expect_gauge 'sent > 0 and duplicated == 0'
traffic_for 3 200 300
nothing_lost

step "B has UDP again, and loses all of it"
allow_udp b0
holds B "not $(port wan0/tcp) and $(registered wan0)" 90
holds A "$relayed" 40
traffic 50 300
sleep 1
block_udp b0
by_tcp B $failover
by_tcp A $failover
traffic_end
expect_gauge 'sent > 0 and duplicated == 0'
traffic_for 3 200 300
nothing_lost

step "UDP is allowed again: it is used, and TLS is left"
allow_udp a0
allow_udp b0
holds A "$direct" 60
holds B "$direct" 60
traffic 200 300
holds A "not $(port wan0/tcp)" 90
holds B "not $(port wan0/tcp)" 90
streams 0
traffic_end
nothing_lost

step "it is blocked in midstream"
block_udp a0
holds A "$(registered wan0/tcp)" 60

step "a map that comes back has A again, with a certificate that it is given"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=map.example -days 30 \
  -keyout "$lab/tls.key" -out "$lab/tls.pem" 2>"$lab/err"
chmod 600 "$lab/tls.key"
stop M
holds A "$(port wan0/tcp)[0]['state'] == 'down' and $(port wan0/tcp)[0]['reason'] != ''"
tls_files="cert: $lab/tls.pem, key: $lab/tls.key" map_up
streams 1 40
holds A "$(registered wan0/tcp)" 40
on A timeout 10 openssl s_client -connect 10.99.0.1:443 </dev/null >"$lab/out" 2>"$lab/err" || true
grep -q 'CN = map.example' "$lab/out" || fail "$(cat "$lab/out" "$lab/err")"

step "never means never"
sed -i 's/^\(  - {name: wan0, .*\)}$/\1, tcp: never}/' "$lab/A.yaml"
timeout 60 "$warp" reload --socket "$lab/A.sock" >"$lab/out"
holds A "not $(port wan0/tcp)"

# It is the interface that is paid for.
step "what goes by TCP counts to the data cap of the interface, and stops at it"
sed -i 's/, tcp: never}/, tcp: always, cap: {bytes: 3MB, each: month, at_limit: stop}}/' "$lab/A.yaml"
stop A
carried() { on A cat /sys/class/net/wan0/statistics/{tx,rx}_bytes | awk '{sum += $1} END {print sum}'; }
before=$(carried)
node_up A
by_tcp A 60
traffic 500 1000
holds A "$(port wan0)[0]['cap']['state'] == 'reached'" 60
used=$(status A "status['ports'][0]['cap']['used']" 0)
((used > 3000000 && ($(carried) - before) * 4 / 5 < used)) || fail "$used bytes of $(($(carried) - before)) are counted"
holds A "not $(port wan0/tcp)"
traffic_end
at_limit=$(carried)
sleep 3
(($(carried) < at_limit + 20000)) || fail "something goes on: $at_limit bytes, then $(carried)"
