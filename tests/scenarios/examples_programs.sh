#!/bin/bash
# Runs the examples of docs/examples.md that need a program of their own, as they stand there, while a cable is pulled.
# What is not installed is left out by name. It is run by hand, since nothing else needs these programs.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -' '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"
examples=docs/examples.md
cd "$lab"
# in_background SITE NAME: runs that example there; what it says is in NAME.log.
in_background() {
  example $examples "$2" | sed '1s/^/exec /' >"$2.sh"
  [[ -s $2.sh ]] || fail "docs/examples.md has no example $2"
  ip netns exec "$1" bash "$2.sh" >"$2.log" 2>&1 <"${3:-/dev/null}" & running+=($!)
}
ended() {
  local process
  for process in "${running[@]}"; do kill "$process" 2>/dev/null || true; done
  for process in "${running[@]}"; do wait "$process" 2>/dev/null || true; done
  running=()
}
running=()
have() { command -v "$1" >/dev/null || { step "skipped: there is no $1"; return 1; }; }
# Waits until the file has that many bytes.
grows_to() {
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    (($(stat -c %s "$1" 2>/dev/null || echo 0) >= $2)) && return
    sleep 0.1
  done
  tail -n 5 ./*.log
  fail "$1 has $(stat -c %s "$1" 2>/dev/null || echo 0) bytes and not $2"
}
pull_a_cable() { sleep 1; cut a0; sleep 1; restore a0; }
for ends in 'A B' 'B A'; do
  read -r end peer <<<"$ends"
  [[ $end == A ]] && { router; site A 2; site B 2; map_up; }
  tunnel_options='flows: 16' node_config "$end" "$peer"
done
node_up A
node_up B
wait_active A 4
wait_active B 4

# relay NAME PROGRAM: an encoder at A sends to 5000, and a player at B listens at 5002.
relay() {
  have "$2" || return 0
  step "$1"
  ip netns exec B timeout 60 $lab_python -c '
import socket, sys
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.bind(("127.0.0.1", 5002))
with open(sys.argv[1], "wb") as out:
    while True:
        out.write(door.recv(65536))
        out.flush()' "$2.ts" & local player=$! source
  in_background B "$1 receive"
  listening B 9001
  in_background A "$1 send"
  listening A 5000
  ip netns exec A $lab_python -c '
import socket, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(2000):
    packet = b"".join(b"G\x01\x00" + bytes([0x10 | number % 16]) + b"%06d" % number + bytes(178) for _ in range(7))
    out.sendto(packet, ("127.0.0.1", 5000))
    time.sleep(0.01)' & source=$!
  pull_a_cable
  grows_to "$2.ts" 300000
  kill $source $player
  wait $source $player || true
  ended
}
relay srt srt-live-transmit
relay rist ristsender
if have sipp; then
  step "SIPp: every call succeeds"
  in_background B "sipp answer"
  listening B 9001
  pull_a_cable & cable=$!
  example $examples "sipp call" >sipp.call.sh
  on A timeout 60 bash sipp.call.sh >sipp.call.log 2>&1 || { tail -n 40 sipp.call.log; fail "a call failed"; }
  wait $cable
  ended
fi
if have openvpn; then
  step "OpenVPN"
  openvpn --genkey secret static.key
  in_background B "openvpn B"
  listening B 9001
  in_background A "openvpn A"
  for ((tries = 0; tries < 100; tries++)); do
    on A ping -c 1 -W 1 -q 10.77.0.2 >/dev/null 2>&1 && break
    sleep 0.1
  done
  pull_a_cable & cable=$!
  on A ping -c 200 -i 0.02 -W 2 -q 10.77.0.2 >ping.log || { cat ./openvpn*.log; fail "nothing comes back"; }
  wait $cable
  grep -q ' 0% packet loss' ping.log || { cat ping.log; fail "pings were lost"; }
  ! grep -q 'replay' ./openvpn*.log || fail "OpenVPN took packets for replays"
  ended
fi
if have gtlsserver && have gtlsclient; then
  step "QUIC: several clients at a time get all of it"
  mkdir -p htdocs
  head -c 3000000 /dev/urandom >htdocs/file
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -subj /CN=b 2>/dev/null
  in_background B "quic server"
  listening B 9001
  pull_a_cable & cable=$!
  clients=()
  example $examples "quic client" >quic.client.sh
  for i in 1 2 3 4; do
    mkdir -p "quic.$i/downloads"
    (cd "quic.$i" && ip netns exec A timeout 40 bash ../quic.client.sh >../quic.$i.log 2>&1) & clients+=($!)
  done
  for client in "${clients[@]}"; do wait "$client" || true; done
  wait $cable
  for i in 1 2 3 4; do cmp htdocs/file "quic.$i/downloads/file" || { tail -n 5 quic.$i.log; fail "client $i has not got it"; }; done
  ended
fi

step "syslog, at Unix gates"
stop A
stop B
sed -i "s|gate: .*|gate: {unix: {path: $lab/syslog.sock, queue: 64}}|; /flows: 16/d" A.yaml
sed -i "s|gate: .*|gate: {unix: {path: $lab/out.sock, deliver: $lab/collector.sock}}|; /flows: 16/d" B.yaml
if have rsyslogd; then
  example $examples "syslog server" | sed "s|/run/warp|$lab|; s|/var/log|$lab|" >rsyslog.conf
  ip netns exec B rsyslogd -n -f "$lab/rsyslog.conf" -i "$lab/rsyslog.pid" >rsyslog.log 2>&1 & running+=($!)
else  # what it would do
  ip netns exec B $lab_python -c '
import socket, sys
door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
door.bind(sys.argv[1])
with open("warp.log", "wb") as out:
    while True:
        out.write(door.recv(65536) + b"\n")
        out.flush()' "$lab/collector.sock" & running+=($!)
fi
for ((tries = 0; tries < 100; tries++)); do [[ -S collector.sock ]] && break; sleep 0.1; done
node_up A
node_up B
wait_active A 4
for i in {1..500}; do echo "line $i of 500"; done >report.txt
example $examples "syslog client" | sed "s|/run/warp|$lab|" >syslog.sh
pull_a_cable & cable=$!
on A timeout 30 bash syslog.sh
wait $cable
for ((tries = 0; tries < 100; tries++)); do
  (($(grep -c 'line [0-9]* of 500' warp.log) >= 500)) && break
  sleep 0.1
done
[[ $(grep -o 'line [0-9]* of 500' warp.log | sort -u | wc -l) == 500 ]] || fail "$(grep -c line warp.log) lines of 500"
ended
