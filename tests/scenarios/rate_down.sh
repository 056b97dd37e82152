#!/bin/bash
# A port that lets only so much come in: the peer is told, and keeps to it with all of its links together, although they
# could carry much more and more is sent.
#
#   A wan0 -- a0 - M - b0 -- wan0 B, which takes 8 Mbit/s
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
tunnel_options=$'mode: stripe\ndeadline: 300ms'
port_options=', rate: {down: 8Mbit}'
two_sites 2 1
echo_up

received() { status B 'sum(path["rx_bytes"] for path in paths())' 0; }

step "20 Mbit/s want to come: A is told, and divides it"
traffic 2084 1200
status A '[path["bond"]["bound"] for path in paths()] == [4_000_000, 4_000_000]' 5 >/dev/null
sleep 1
step "8 Mbit/s come"
began=$(date +%s%N)
before=$(received)
sleep 8
bytes=$(($(received) - before))
milliseconds=$((($(date +%s%N) - began) / 1000000))
traffic_end
rate=$((bytes * 8 / milliseconds))
echo "$rate kbit/s"
((rate <= 8400)) || fail "more comes in than B lets"
((rate >= 4000)) || fail "much less comes in than B lets"
