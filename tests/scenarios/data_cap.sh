#!/bin/bash
# A link that may carry 10 MB: A's daemon dies at half, and goes on counting where it was. At the limit nothing goes by the
# link any more, and the other one takes over without a loss. Who knows better corrects the count, and the link is back.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
tunnel_options='mode: stripe'
router
site A 2 4
site B 1 4
map_up
node_options="state_directory: $lab/state" node_config A B
node_config B A
# The link with the cap is the one that payloads prefer.
sed -i -e 's/interface: wan0}/interface: wan0, tier: 3}/' \
  -e 's/interface: wan1}/interface: wan1, cap: {bytes: 10MB, each: month, at_limit: stop}}/' "$lab/A.yaml"
node_up A
node_up B
wait_active A 2
wait_active B 2
echo_up

cap() { status A "status['ports'][1]['cap']['$1']" 0; }
# What the kernel has counted on the link, WARP's or not.
carried() { on A cat /sys/class/net/wan1/statistics/tx_bytes /sys/class/net/wan1/statistics/rx_bytes | awk '{sum += $1} END {print sum}'; }
within() { (($1 >= $2 - 1000000 && $1 <= $2 + 1000000)) || fail "$1 is not $2, give or take 1 MB"; }

step "5 MB, and A is killed"
traffic 500 1000
status A 'status["ports"][1]["cap"]["used"] >= 5_000_000' 30 >/dev/null
before=$(cap used)
kill_hard A
traffic_end
node_up A
within "$(cap used)" "$before"
wait_active A 2
wait_active B 2

step "5 MB more, and the link stops"
traffic 500 1000
status A 'status["ports"][1]["cap"]["state"] == "reached"' 30 >/dev/null
status A 'active() == 1' >/dev/null
status B 'not path("wan0", "10.1.1.2:")["carries"]' 2 >/dev/null
sleep 1
at_limit=$(carried)
within "$at_limit" 10000000
sleep 2
traffic_end
nothing_lost
((at_limit + 20000 > $(carried))) || fail "something goes on by the link: $at_limit bytes, then $(carried)"
grep -q 'port wan1: its data cap is reached' "$lab/A.log"

step "the bill says less"
"$warp" cap --socket "$lab/A.sock" | grep -Eq '^wan1 +1[0-9.]+ MB +10.00 MB +1[0-9.]+% +reached +stop +month from 1 '
rejects A 'there is no port "wan7" with a data cap, did you mean "wan1"' "$warp" cap set wan7 2MB --socket "$lab/A.sock"
rejects A 'is not a size such as' "$warp" cap set wan1 2 --socket "$lab/A.sock"
"$warp" cap set wan1 2MB --socket "$lab/A.sock" | grep -Eq '^wan1 +2.00 MB +10.00 MB +20.0% +open '
wait_active A 2 30
wait_active B 2 30

step "a file that nobody can read"
stop A
echo garbage >"$lab/state/caps-"*
node_up A
[[ $(cap state) == reached ]]
grep -q 'is no file of data caps, or of another version: data caps count as reached' "$lab/A.log"
traffic_for 1 500 1000
nothing_lost
