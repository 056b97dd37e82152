#!/bin/bash
# A boots with its clock in 1970, after B has spoken with it in the present: no clock matters, they agree within 3 s.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
. "$(dirname "$0")/_init.sh"
two_sites 1 1
echo_up
traffic 1000 200
sleep 1.5
step "A starts again, in 1970"
kill_hard A
launch A A env LD_PRELOAD="$warp_build/tests/scenarios/libclock_of_1970.so" "$warpd" --config "$lab/A.yaml"
ready A
wait_active A 1
status B 'drop("handshake_stale") > 0' 0
sleep 1
traffic_end
expect_gauge 'longest_gap_ms < 3000 and lost < 3000 and duplicated == 0'
traffic_for 1 1000 200
nothing_lost
