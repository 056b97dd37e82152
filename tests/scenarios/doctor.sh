#!/bin/bash
# `warp doctor` names what is wrong with a machine, the most important first, and nothing once it is mended by what it
# said.
#
#   A wan0 -- a0 - M       Three things are wrong at A: the address of a gate is taken, wan1 has no route, and a
#   A wan1 -- a1 -'        firewall stands in front of wan0.
. "$(dirname "$0")/_init.sh"
port_options=", driver: udp"
router
site A 2 4
links_of[B]=0
map_up
node_config A B
# examine STATUS TOPIC…: the doctor ends with that status, and finds exactly this besides notes.
examine() {
  local status=0
  timeout 60 ip netns exec A "$warp" doctor --json "$lab/A.yaml" >"$lab/doctor.json" || status=$?
  ((status == $1)) || fail "exit status $status: $(cat "$lab/doctor.json")"
  expect_json "$lab/doctor.json" "' '.join(f['topic'] for f in findings if f['severity'] != 'note') == '${*:2}'"
}
# command_of TOPIC: prints the first command that it said about that.
command_of() {
  $lab_python -c 'import json, sys
print(next(f["commands"][0] for f in json.load(open(sys.argv[1]))["findings"] if f["topic"] == sys.argv[2]))' \
    "$lab/doctor.json" "$1"
}
step "a healthy machine"
examine 0
step "three things are wrong"
ip netns exec A $lab_python -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 9000))
time.sleep(60)' &
taker=$!
listening A 9000
ip -n A route del default dev wan1
on A nft 'table inet f { chain in { type filter hook input priority 0; iifname wan0 udp dport 13116 drop; }; }'
examine 1 gate route firewall
expect_json "$lab/doctor.json" "'python' in findings[0]['what'] and '(process $taker)' in findings[0]['what']"
expect_json "$lab/doctor.json" "'no route through wan1 to map $map_address' in findings[1]['what']"
expect_json "$lab/doctor.json" "'comes in by wan0' in findings[2]['what']"
step "an ordinary user sees less, and is told so"
chmod 755 "$lab" "$lab/A.yaml"
status=0
timeout 60 ip netns exec A setpriv --reuid 65534 --clear-groups "$warp" doctor "$lab/A.yaml" >"$lab/out" || status=$?
((status == 1)) && grep -q 'taken by a program of user 0' "$lab/out" && grep -q '^  the firewall: nft: ' "$lab/out"
step "one after the other is mended by what was said"
kill $taker
wait $taker || true
examine 1 route firewall
on A bash -c "$(command_of firewall)"
examine 1 route
on A bash -c "$(command_of route | sed 's/GATEWAY/10.1.1.1/')"
examine 0
step "nobody listens at the map, and a strict filter cannot tell by which link it answers"
stop M
examine 1 reach
map_up
on A sysctl -qw net.ipv4.conf.wan1.rp_filter=1
examine 1 reverse_path
on A bash -c "$(command_of reverse_path)" >"$lab/out"
examine 0
step "what warpd says itself"
node_up A
status A "status['maps'][0]['state'] == 'registered'" >"$lab/out"
examine 1 daemon
expect_json "$lab/doctor.json" "running and 'peer b is connecting' in findings[0]['what']"
