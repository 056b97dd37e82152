#!/bin/bash
# Reloads that go wrong, and those who ask for them badly: two at once, one while another waits to be confirmed, one whose
# client goes away, a file that is no file, is huge or is written meanwhile, a hook that is slow, and a file that takes
# away all that carries anything. A carries on, and is as the last file that was followed says.
#
#   A wan0, wan1 -- a0, a1 - M - b0 -- wan0 B
. "$(dirname "$0")/_init.sh"
node_options=$'on_event: ["/bin/sleep 1"]\non_event_timeout: 2s' two_sites 2 1
reload() { timeout 40 "$warp" reload --socket "$lab/A.sock" "$@" >"$lab/out" 2>"$lab/err"; }
# tier N: waits until wan1 of A is of that tier.
tier() { status A "[p['tier'] for p in status['ports'] if p['name'] == 'wan1'] == [$1]" "${2:-5}" >/dev/null; }
# refused PATTERN [OPTION…]: the reload fails with a line that matches.
refused() {
  if reload "${@:2}"; then fail "not refused: $(cat "$lab/out")"; fi
  grep -qE "$1" "$lab/err" || fail "does not say /$1/: $(cat "$lab/err")"
}
settled() {
  for ((look = 0; look < 400; look++)); do
    "$warp" reload --show --json --socket "$lab/A.sock" | grep -qE '"state":"(checking|applying|rolling_back)"' || return 0
    sleep 0.05
  done
  fail "the reload does not end"
}
cp "$lab/A.yaml" "$lab/one.yaml"
sed 's/name: wan1,/& tier: 2,/' "$lab/one.yaml" >"$lab/two.yaml"
sed 's/name: wan1,/& tier: 3,/' "$lab/one.yaml" >"$lab/three.yaml"
echo_up
traffic 2000 300
"$warp" watch --json --socket "$lab/A.sock" >"$lab/watched" &

step "a client that goes away, and eight at once"
cp "$lab/two.yaml" "$lab/A.yaml"
$lab_python -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b"reload\n"); s.close()' "$lab/A.sock"
tier 2
cp "$lab/three.yaml" "$lab/A.yaml"
for ((i = 0; i < 8; i++)); do
  "$warp" reload --socket "$lab/A.sock" >"$lab/out.$i" 2>&1 || grep -q 'another reload is under way' "$lab/out.$i" || echo bad >>"$lab/bad" &
  askers+=($!)
done
wait "${askers[@]}"
[[ ! -e $lab/bad ]] || fail "$(cat "$lab"/out.?)"
tier 3

step "one waits to be confirmed"
cp "$lab/one.yaml" "$lab/A.yaml"
reload --confirm 60s
tier 1
refused 'the last reload is not confirmed yet: warp reload --confirm-now keeps it'
kill -HUP "${pid_of[A]}"
reload --confirm-now
refused 'no reload waits to be confirmed' --confirm-now
grep -q 'SIGHUP: the last reload is not confirmed yet' "$lab/A.log"
for request in 'reload within 0' 'reload within -1' 'reload within 99999999999999999999' 'reload now' 'reload  show'; do
  $lab_python -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode() + b"\n")
sys.exit("error" not in s.makefile().readline())' "$lab/A.sock" "$request" || fail "$request is no error"
done

step "files that are none"
rm "$lab/A.yaml" && refused 'A.yaml: cannot be read: No such file'
mkfifo "$lab/A.yaml" && refused 'A.yaml: is not a regular file'
rm "$lab/A.yaml" && head -c 3000000 /dev/zero >"$lab/A.yaml" && refused 'A.yaml: is larger than 1048576 bytes'
head -c 3000 /dev/urandom >"$lab/A.yaml" && refused 'A.yaml'
for bytes in 0 100; do head -c $bytes "$lab/two.yaml" >"$lab/A.yaml" && refused 'A.yaml'; done
tier 1

step "a file that is written all the time"
(while :; do for file in one two three; do cp "$lab/$file.yaml" "$lab/A.yaml"; done; done) &
writer=$!
for ((i = 0; i < 20; i++)); do
  reload || grep -qE 'refused, and nothing was changed|under way' "$lab/err" || fail "$(cat "$lab/err")"
  kill -HUP "${pid_of[A]}"
done
kill $writer
wait $writer || true
settled
cp "$lab/two.yaml" "$lab/A.yaml" && reload
tier 2
for event in config_applied config_refused; do grep -q "\"event\":\"$event\"" "$lab/watched" || fail "no $event"; done
carries 0 0
traffic_end
nothing_lost

step "all that carries anything goes, and comes back by itself"
sed -e '/name: wan0,/d' -e 's/interface: wan1/interface: wan9, optional: true/' "$lab/one.yaml" >"$lab/A.yaml"
reload --confirm 2s
status A "not any(p['state'] == 'active' for peer in status['peers'] for p in peer['paths'])" 5 >/dev/null
tier 2 10
wait_active A 2
traffic 500 300
carries 0 0
carries 1 0
traffic_end
nothing_lost
stop A && stop B
