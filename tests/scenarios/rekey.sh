#!/bin/bash
# The nodes change keys under traffic about once a second, and either side begins. Nothing must be lost.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
node_options='timers: {rekey_after: 1s, rekey_after_responder: 1500ms, session_lifetime: 4s}'
two_sites 2 1
echo_up
traffic 2000 1200
for ((i = 0; i < 4; i++)); do
  sleep 2
  status A 'status["peers"][0]["session"]["age_s"] < 2.5' 0 >/dev/null
done
traffic_end
nothing_lost
