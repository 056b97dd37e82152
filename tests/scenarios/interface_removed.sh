#!/bin/bash
# An interface disappears under traffic, and another one of the same name comes. Then a node starts without an interface
# that is optional.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
two_sites 2 1
echo_up
traffic 2000 1200
for round in 1 2; do
  sleep 0.5
  step "wan1 is deleted"
  ip -n A link delete wan1
  status A 'status["ports"][1]["state"] == "missing" and active() == 1' 3
  sleep 0.5
  step "wan1 is made again"
  link A 1
  wait_active A 2 5
  carries 1 0
done
traffic_end
nothing_lost

step "A starts without wan1, which is optional; it is made later"
stop A
ip -n A link delete wan1
sed -i 's/interface: wan1/interface: wan1, optional: true/' "$lab/A.yaml"
node_up A
status A 'status["ports"][1]["state"] == "missing" and active() == 1' 5
status A '"there is no" in status["ports"][1]["reason"]' 0
link A 1
wait_active A 2 5
traffic_for 1 500 1200
nothing_lost
