#!/bin/bash
# The worker of one link stops for four seconds in the middle of its work, as in a driver that hangs, and its interface
# is deleted and made again meanwhile. The other link carries everything, the port comes back, and the books close.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
node_options="workers: 2"
two_sites 2 1
echo_up

# stop_worker PORT SECONDS: stops the worker of that port of A in the background. Returns when it is stopped.
stop_worker() {
  local worker i
  worker=$(worker_thread A "$(status A "str(status['ports'][$1]['worker'])" 1)")
  rm -f "$lab/stopped"
  $lab_python "$(dirname "$0")/stop_thread.py" "${pid_of[A]}" "$2" "$worker" >"$lab/stopped" &
  stopper_pid=$!
  for ((i = 0; i < 200; i++)); do
    grep -q stopped "$lab/stopped" && return
    sleep 0.05
  done
  fail "$worker does not stop"
}
# Everything that the gate took is accounted for, and nothing is under way.
books_closed() {
  local tunnel="status['tunnels'][0]"
  status A "$tunnel['in_flight'] == 0 and $tunnel['queued'] == 0" 5
  status A "$tunnel['from_app'] == $tunnel['sent'] + sum($tunnel['drops'].values())" 0
}

traffic 2000 1200
sleep 0.5
step "the worker of wan1 stops, and wan1 is deleted"
stop_worker 1 4
ip -n A link delete wan1
status A 'status["ports"][1]["state"] == "missing" and active() == 1' 3
step "wan1 is made again; its worker still stands"
link A 1
sleep 1
status A 'status["ports"][1]["state"] != "up" and "has not let go" in status["ports"][1]["reason"]' 1
step "the worker goes on"
wait $stopper_pid
wait_active A 2 5
carries 1 0
traffic_end
nothing_lost
# Four seconds without an arrival would be the worker's; a busy machine takes tenths.
expect_gauge 'longest_gap_ms < 1000'
books_closed

step "the daemon ends although a worker stands"
stop_worker 1 20
stopped_at=$SECONDS
stop A
((SECONDS - stopped_at < 15)) || fail "it took $((SECONDS - stopped_at)) s"
