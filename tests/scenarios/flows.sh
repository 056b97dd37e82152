#!/bin/bash
# Sixteen clients share a gate, and a server at the other side tells them apart by their addresses. Nothing crosses:
# while a cable is pulled, with payloads that are cut, spread, sent again and restored, and when a daemon starts anew. A
# further client gets no flow and takes none.
#
#   16 clients - gate | A wan0 -- a0 - M - b0 -- wan0 B | gate = 16 sockets - server
#                     | A wan1 -- a1 -' '- b1 -- wan1 B |
. "$(dirname "$0")/_init.sh"
program=$(readlink -f "$(dirname "$0")/flows.py")
router
site A 2
site B 2
map_up
for ends in 'A B' 'B A'; do
  read -r end peer <<<"$ends"
  tunnel_options='flows: 16' node_config "$end" "$peer"
  tunnel_options=$'flows: 16\nmode: stripe\nresend: 400ms\nfec: 4+1\ndeadline: 500ms' \
    tunnel_config "$end" "$peer" bulk 2 9010 >>"$lab/$end.yaml"
  node_up "$end"
done
wait_active A 4
wait_active B 4
serve() {
  ip netns exec B $lab_python "$program" server "$1" >"$lab/server.$1.log" 2>&1 & server[$1]=$!
  listening B "$1"
}
serve 9001
serve 9011
nothing_crossed() { kill -0 "${server[9001]}" && kill -0 "${server[9011]}" || { cat "$lab"/server.*.log; fail "crossed"; }; }
# clients PORT N SECONDS RATE [COMMAND…]: meanwhile the command runs.
clients() {
  ip netns exec A $lab_python "$program" clients "127.0.0.1:$1" "${@:2:3}" >"$lab/clients.json" & local clients=$!
  "${@:5}"
  wait $clients
  nothing_crossed
}
pull() { sleep 1; cut a0; sleep 1; restore a0; wait_active A 4; }
flow_of() { echo "status[\"tunnels\"][$1][\"gate\"][\"flows\"]"; }

step "each client has its answers, and nothing is lost while a cable is pulled"
clients 9000 16 5 40 pull
expect_json "$lab/clients.json" 'sent > 3000 and lost == 0 and crossed == 0'
status A "$(flow_of 0)[\"ours\"] == 16 and $(flow_of 0)[\"of_peer\"] == 0" 0 >/dev/null
status B "$(flow_of 0)[\"ours\"] == 0 and $(flow_of 0)[\"of_peer\"] == 16" 0 >/dev/null
"$warp" status --details --socket "$lab/A.sock" | grep -q '16+0 of 16'

step "a seventeenth gets none, and is counted"
clients 9000 1 1 20 true
expect_json "$lab/clients.json" 'sent > 10 and lost == sent'
status A 'status["tunnels"][0]["drops"]["no_flow"] >= 10' 0 >/dev/null

step "payloads that are spread, sent again and restored keep their flows"
clients 9010 16 8 5 pull  # slowly: nothing is known yet of what the paths carry
expect_json "$lab/clients.json" 'crossed == 0 and least > 10'

step "A starts anew, and gives its numbers to others than before"
stop A
kill "${server[9001]}"  # a new socket may have the port of an old one
wait "${server[9001]}" || true
serve 9001
node_up A
wait_active A 4
clients 9000 16 2 40 true
expect_json "$lab/clients.json" 'crossed == 0 and least > 10'
