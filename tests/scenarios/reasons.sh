#!/bin/bash
# A link that cannot be used says why, beside its path and its port, in the table and in the JSON.
#
#   A wan0 (no default route) ----------- a0 - M - b0 -- wan0 B
#   A wan1 (a router that is not there) - a1 -|
#   A wan2 (no address) ----------------- a2 -|
#   A wan3 ------------------------------ a3 -'
. "$(dirname "$0")/_init.sh"
with_map=no
router
site A 4 4
site B 1 4
ip -n A route del default dev wan0
ip -n A route replace default via 10.1.1.77 dev wan1 metric 101
ip -n A address flush dev wan2
node_config B A
with_endpoints=yes node_config A B
node_up A
node_up B
wait_active A 1
step "why, in the status"
status A 'path("wan0", "10.2.0.2:")["reason"] == "no route to 10.2.0.2 through wan0"' 3
status A 'path("wan1", "10.2.0.2:")["reason"] == "10.1.1.77 does not answer on wan1"' 8
status A 'status["ports"][2]["state"] == "up" and "wan2 has no usable address" in status["ports"][2]["reason"]' 0
status A 'path("wan3", "10.2.0.2:")["reason"] == "probe answered"' 0
status A 'path("wan3", "10.2.0.2:")["source"] == "10.1.3.2"' 0
"$warp" status --details --socket "$lab/A.sock" >"$lab/out"
grep -q 'wan0 .*no route to 10.2.0.2 through wan0' "$lab/out"
grep -q 'wan1 .*10.1.1.77 does not answer on wan1' "$lab/out"
grep -q 'wan2 .*no usable address' "$lab/out"
step "what is mended is used"
ip -n A route replace default via 10.1.1.1 dev wan1 metric 101
ip -n A address add 10.1.2.2/24 dev wan2
ip -n A route replace default via 10.1.2.1 dev wan2 metric 102
ip -n A route replace default via 10.1.0.1 dev wan0 metric 100
wait_active A 4
status A 'status["ports"][2]["reason"] == ""' 1
