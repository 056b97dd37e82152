#!/bin/bash
# The map dies, and nothing stops; it returns, and the nodes register again. Then each node dies and returns, and
# traffic resumes within 3 s.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -' '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"
two_sites 2 2
echo_up
step "the map is killed"
traffic 1000 500
sleep 0.5
kill_hard M
sleep 3
traffic_end
nothing_lost
map_up
status M 'status["map"]["registrations"] >= 4' 30

for site in A B; do
  step "$site is killed"
  traffic 1000 500
  sleep 1
  kill_hard $site
  node_up $site
  wait_active A 4
  sleep 1
  traffic_end
  expect_gauge 'longest_gap_ms < 3000 and lost < 3000 and duplicated == 0'
  wait_active A 4
  wait_active B 4
done
traffic_for 1 1000 500
nothing_lost
