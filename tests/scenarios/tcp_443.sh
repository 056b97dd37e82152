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
# Whatever is UDP and of this site.
block_udp() {
  on M nft -f - <<<"table inet hotel_$1 { chain c { type filter hook prerouting priority -300; iifname \"$1\" meta l4proto udp drop; }; }"
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
node_config A B
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

step "B loses UDP, too"
block_udp b0
holds B "$(registered wan0/tcp)" 60
streams 2
holds A "[p for p in $relayed if p['state'] == 'active']" 60
sleep 3
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
