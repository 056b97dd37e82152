#!/bin/bash
# Runs the examples of docs/examples.md as they stand there.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -' '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"
examples=docs/examples.md
cd "$lab"
# Sends video through the tunnel while a cable is pulled, until B has received more than a second of it into FILE.
video() {  # NAME PROGRAM FILE
  command -v "$2" >/dev/null || { step "skipped: there is no $2"; return; }
  step "RTP with $1"
  example $examples "$1 receive" | sed '1s/^/exec /' >"$1.receive"
  example $examples "$1 send" | sed '1s/^/exec /' >"$1.send"
  ip netns exec B timeout -k 5 30 bash "$1.receive" >"$1.receive.log" 2>&1 & local receive=$!
  listening B 9001
  ip netns exec A timeout -k 5 30 bash "$1.send" >"$1.send.log" 2>&1 & local send=$!
  sleep 1
  cut a0
  sleep 1
  restore a0
  for ((tries = 0; tries < 200; tries++)); do
    (($(stat -c %s "$3" 2>/dev/null || echo 0) > 50000)) && break
    sleep 0.1
  done
  ((tries < 200)) || { tail "$1".*.log; fail "$3 does not become video"; }
  kill $send $receive
  wait $send $receive || true
}
two_sites 2 2
video gstreamer gst-launch-1.0 received.webm
video ffmpeg ffmpeg received.ts

step "the MTU in the example leaves room for all headers; payloads one byte larger than fits go in two packets"
mtu=$(example $examples wireguard | sed -n 's/^MTU = //p')
((mtu == 1500 - 40 - 8 - 36 - 32))
# The interface counts a joined frame once, so the port's own counter is used.
frames() { status A '[p["tx_packets"] for p in status["ports"] if p["name"] == "wan1"][0]'; }
echo_up
for size in $((1500 - 20 - 8 - 36)) $((1500 - 20 - 8 - 36 + 1)); do
  before=$(frames)
  traffic_for 1 500 $size >/dev/null
  nothing_lost
  expect_gauge "round(($(frames) - $before) / sent) == 2 * (1 if $size <= 1436 else 2)"  # B has two endpoints
done

step "the configurations that replace engarde's are good"
for end in client server; do example $examples "engarde $end" >e.yaml; "$warp" check --no-keys e.yaml; done

step "the Python client, at a Unix gate"
stop A
sed -i "s|gate: .*|gate: {unix: {path: $lab/A.gate}}|" A.yaml
node_up A
wait_active A 4
example $examples "python client" >client.py
on A timeout 20 $lab_python client.py "$lab/A.gate" >answers
[[ $(wc -l <answers) == 100 && $(sort -u answers | wc -l) == 100 && $(tail -1 answers) == "payload 99" ]]
