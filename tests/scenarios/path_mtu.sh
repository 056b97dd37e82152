#!/bin/bash
# A router on the way lowers its MTU in mid-stream, with and without a word: first on one of two links, then on the only
# one. Sizes follow from probes, so that nothing is lost while the other link is whole, and little where there is none.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 - ' ' - b1 -- wan1 B
. "$(dirname "$0")/_init.sh"

# narrow LINK MTU: from now on M passes no larger packets between the sites' link of this number.
narrow() {
  ip -n M route replace "10.1.$1.2/32" dev "a$1" mtu lock "$2"
  ip -n M route replace "10.2.$1.2/32" dev "b$1" mtu lock "$2"
}
silence() {  # of M: it drops its own ICMP errors
  on M nft -f - <<'NFT'
table ip quiet {
  chain out {
    type filter hook output priority 0
    icmp type destination-unreachable drop
  }
}
NFT
}

two_sites 2 2
echo_up
step "one of two links shrinks, and the router says so: nothing is lost"
traffic 200 1400
sleep 1
narrow 0 1300
sleep 3
traffic_end
nothing_lost
status A "path('wan0', '10.2.0.2:')['mtu'] == 1300" 10
status A "path('wan0', '10.2.0.2:')['mtu_proven'] and path('wan1', '10.2.1.2:')['mtu'] == 1500" 1

step "the other one swallows large packets and says nothing: it is found within three seconds"
silence
traffic 200 1400
sleep 1
narrow 1 1400
sleep 6
traffic_end
expect_gauge 'lost < 600 and duplicated == 0'
status A "path('wan1', '10.2.1.2:')['mtu'] == 1400 and path('wan1', '10.2.1.2:')['black_hole']" 15
traffic_for 3 200 1400
nothing_lost
