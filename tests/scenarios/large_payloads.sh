#!/bin/bash
# Payloads larger than the MTU of any path arrive whole, up to what UDP on loopback carries, also while paths vanish.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -' '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"
two_sites 2 2
echo_up
for size in 1465 9000 60000; do
  step "$size bytes"
  traffic 100 $size
  sleep 0.5
  cut a0
  sleep 0.5
  restore a0
  sleep 1
  traffic_end
  nothing_lost
  wait_active A 4
  wait_active B 4
done
# Reassembly had room for every payload.
status A 'drop("reassembly_full") == drop("reassembly_conflict") == 0' 0
