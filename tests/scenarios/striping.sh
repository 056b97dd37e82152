#!/bin/bash
# A tunnel uses the sum of two unequal links: at a rate that neither carries alone nothing is lost, doubled or out of
# order, although nobody has told their rates. While the faster one is dead the slower one goes on, and the faster one
# carries again once it is back.
#
#   A wan0 -- 12 Mbit/s, 10 ms -- a0 - M - b0 -- wan0 B
#   A wan1 --  6 Mbit/s, 30 ms -- a1 -'
. "$(dirname "$0")/_init.sh"
slow[a0]=rate=12Mbit,delay=10ms,buffer=400ms
slow[a1]=rate=6Mbit,delay=30ms,buffer=400ms
tunnel_options=$'mode: stripe\norder: 150ms\nresend: 400ms\ndeadline: 500ms'
two_sites 2 1
echo_up

# stream RATE SECONDS [COMMAND…]: payloads of 1,200 bytes, which B sends back; meanwhile the command runs.
stream() {
  traffic "$1" 1200
  sleep "$2"
  "${@:3}"
  traffic_end
}
ends() { black_hole "$1"; sleep 4; }

step "13 Mbit/s over links of 12 and 6: their rates are found"
stream 1250 5
step "then nothing is lost"
stream 1250 5
nothing_lost
for at in A B; do
  status $at '[p for p in status["peers"][0]["paths"] if p["tx_packets"] < 300] == []' 0 >/dev/null
done

step "the faster one dies, and nobody says so"
stream 200 2 ends a0
expect_gauge 'sent > 0 and lost <= sent / 50 and duplicated == 0'
step "it comes back, and carries again"
lift_black_hole a0
status A '[p for p in status["peers"][0]["paths"] if p["state"] != "active"] == []' 15 >/dev/null
stream 200 4
nothing_lost
status A '[p for p in status["peers"][0]["paths"] if p["bond"]["suspect"]] == []' 0 >/dev/null
