#!/bin/bash
# A port that may send only so much: all of its paths together keep to it, although each of them could carry it alone.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#                    '- b1 -- wan1
. "$(dirname "$0")/_init.sh"
tunnel_options=$'mode: stripe\ndeadline: 300ms'
port_options=', rate: {up: 8Mbit}'
two_sites 1 2
echo_up

sent() { status A 'sum(path["tx_bytes"] for path in paths())' 0; }

step "20 Mbit/s are to go"
traffic 2084 1200
sleep 2
step "8 Mbit/s leave, by both paths together"
began=$(date +%s%N)
before=$(sent)
sleep 8
bytes=$(($(sent) - before))
milliseconds=$((($(date +%s%N) - began) / 1000000))
traffic_end
rate=$((bytes * 8 / milliseconds))
echo "$rate kbit/s"
((rate <= 8600)) || fail "more leaves than the port may send"
((rate >= 4000)) || fail "much less leaves than the port may send"
