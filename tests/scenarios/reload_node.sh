#!/bin/bash
# The keys of `node:` change at A under 5,000 payloads a second, at one end alone and at both: each timer, the replay
# window, the hooks; there and back, by a reload that nobody confirms, by one that a step leads back, and many times in
# a row. Nothing is lost, and nothing is doubled. What needs a restart is refused with its reason.
#
#   A wan0, wan1 -- a0, a1 - M - b0, b1 -- wan0, wan1 B        (M is the map, too)
. "$(dirname "$0")/_init.sh"
two_sites 2 2
echo_up
for site in A B; do cp "$lab/$site.yaml" "$lab/$site.first"; done

reload() { since && timeout 60 "$warp" reload --socket "$lab/$1.sock" "${@:2}" >"$lab/out" 2>"$lab/err"; }
# with A 'key: value': the file of A is as at first, with this line in `node`.
with() { sed "s|^node:|&\n  $2|" "$lab/$1.first" >"$lab/$1.yaml"; }
first() { cp "$lab/$1.first" "$lab/$1.yaml"; }
# since: notes the time. made_since A: the session with the peer was made after that.
since() { noted=$(date +%s.%N); }
made_since() {
  local age begun
  for ((look = 0; look < 200; look++)); do
    begun=$(date +%s.%N)
    age=$(status "$1" "status['peers'][0]['session']['age_s']" 5)
    $lab_python -c "import sys; sys.exit(not $begun - $age > $noted)" && return
    sleep 0.1
  done
  fail "$1 has no new session"
}
whole() { for site in A B; do wait_active $site 4; done; }
refused() {
  with A "$1"
  if reload A; then fail "not refused: $1: $(cat "$lab/out")"; fi
  grep -qE "A.yaml:2: node.$2 needs a restart, because $3" "$lab/err" || fail "$1: $(cat "$lab/err")"
}
traffic 5000 500

step "what needs a restart is refused, with the reason"
refused 'listen_port: 13117' 'listen_port: 13116 -> 13117' 'what peers have sent to the old one'
refused 'max_ports: 7' 'max_ports: [0-9]+ -> 7' 'rings and packet memory'
refused 'memory: 1GiB' 'memory: .* -> 1GiB' 'DPDK takes packet memory'
refused 'workers: 5' 'workers: .* -> 5' 'DPDK makes and pins its threads'
refused 'dpdk_telemetry: true' 'dpdk_telemetry: false -> true' 'DPDK opens that socket at its start'

step "the window: another session takes over, there and back"
sleep 3
with A 'window: 4096'
reload A
grep -qx '    window: [0-9]* -> 4096' "$lab/out" || fail "$(cat "$lab/out")"
made_since A
sleep 3
first A
reload A
made_since A
whole

step "timers of a session: from minutes to seconds, at A and then at B, and back"
for site in A B; do
  with $site 'timers: {rekey_after: 1s, rekey_after_responder: 2s, session_lifetime: 5s, map_rekey_after: 2s}'
  reload $site
  made_since $site
done
since
made_since A
for site in B A; do
  first $site
  reload $site
done
# The last session of five seconds is over, and its successor is there.
sleep 7
status A "status['peers'][0]['session']['age_s'] > 5" 10 >/dev/null
whole

step "timers of handshakes and paths: from long to short and back"
for timers in 'probe_interval: 5s, path_lost_after: 20s, session_silence: 60s' \
  'probe_interval: 20ms, path_lost_after: 400ms, session_silence: 300ms' \
  'handshake_retry: 30s, handshake_retry_max: 300s' 'handshake_retry: 20ms, handshake_retry_max: 100ms'; do
  for site in A B; do
    with $site "timers: {$timers}"
    reload $site
  done
  sleep 2
  carries 0 0
  carries 1 1
done
for site in A B; do
  first $site
  reload $site
done
whole

step "nobody confirms, and a step leads back"
with A 'window: 2048'
sed -i 's|^  window: 2048|&\n  timers: {rekey_after: 1s, rekey_after_responder: 2s, session_lifetime: 5s}|' "$lab/A.yaml"
reload A --confirm 4s
made_since A
for ((look = 0; look < 200; look++)); do
  "$warp" reload --show --json --socket "$lab/A.sock" | grep -q '"state":"rolled_back"' && break
  sleep 0.1
done
made_since A
sed -i 's|^ports:|&\n  - {name: wan9, interface: wan9}|' "$lab/A.yaml"
if reload A; then fail "not undone: $(cat "$lab/out")"; fi
grep -q 'port wan9' "$lab/err" || fail "$(cat "$lab/err")"
first A
reload A
grep -qx 'nothing differs' "$lab/out" || fail "$(cat "$lab/out")"
sleep 7
status A "status['peers'][0]['session']['age_s'] > 5" 10 >/dev/null

step "a hook comes where there was none, and goes"
printf '#!/bin/sh\necho "$WARP_EVENT" >>"%s"\n' "$lab/hooked" >"$lab/hook.sh"
chmod 755 "$lab/hook.sh"
: >"$lab/hooked"
chmod 666 "$lab/hooked"
with A "on_event: [$lab/hook.sh]"
reload A
grep -q 'on_event.*hook.sh' "$lab/out" || fail "$(cat "$lab/out")"
first A
reload A

step "the control socket moves; who asked at the old one hears of it there"
with A "control_socket: $lab/moved.sock"
sed -i "3,\$ { /^  control_socket:/d }" "$lab/A.yaml"
reload A
grep -qx 'applied' "$lab/out" || fail "$(cat "$lab/out")"
"$warp" status --socket "$lab/moved.sock" >/dev/null
"$warp" status --socket "$lab/A.sock" >/dev/null
first A
"$warp" reload --socket "$lab/moved.sock" >"$lab/out"
grep -qx 'applied' "$lab/out" || fail "$(cat "$lab/out")"

step "thirty changes in a row, without a pause"
for ((i = 0; i < 30; i++)); do
  with A "window: $((1024 << (i % 4)))"
  ((i % 3)) || with A 'timers: {rekey_after: 1s, rekey_after_responder: 2s, session_lifetime: 5s}'
  reload A
done
first A
reload A
whole
carries 0 0
carries 1 1
traffic_end
nothing_lost
stop A && stop B
