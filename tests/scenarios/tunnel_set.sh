#!/bin/bash
# A tunnel's mode is changed a hundred times under traffic, while others shout at the control socket. Nothing is lost,
# and each change holds as a whole or not at all.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
two_sites 2 1
echo_up
traffic 2000 1200

set_tunnel() { timeout 10 "$warp" tunnel set video "$@" --socket "$lab/A.sock"; }
shout() {
  $lab_python -c '
import socket, sys
rude = []
for words in (b"tunnel set video order=1", b"tunnel set video mode=backup " * 1000, b"\0\xff\n", b"tunnel set\n") * 8:
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    try: s.sendall(words)
    except OSError: pass
    rude.append(s)' "$lab/A.sock"
}

step "a hundred changes"
for ((i = 0; i < 25; i++)); do
  for mode in stripe adaptive backup replicate; do set_tunnel mode=$mode >/dev/null; done
  ((i % 5)) || shout
done
status A 'status["tunnels"][0]["mode"] == "replicate"' 0 >/dev/null

step "all or nothing"
set_tunnel mode=stripe order=7ms | grep -q 'mode=stripe copies=all order=7ms resend=150ms'
refused() { if "$@" 2>"$lab/wrong"; then return 1; fi; }
refused set_tunnel mode=backup order=7
grep -q 'order: "7" is not a duration' "$lab/wrong"
refused timeout 10 "$warp" tunnel show vidoe --socket "$lab/A.sock"
grep -q 'did you mean "video"' "$lab/wrong"
status A '(status["tunnels"][0]["mode"], status["tunnels"][0]["policy"]["order_ms"]) == ("stripe", 7)' 0 >/dev/null

step "a deadline, and one path alone"
set_tunnel deadline=200ms 'paths=wan1>10.0.0.0/8,wan1' | grep -q 'deadline=200ms paths=wan1>10.0.0.0/8,wan1'
refused set_tunnel paths=wan7
grep -q 'there is no port "wan7"' "$lab/wrong"
set_tunnel deadline=250ms paths=all | grep -q 'paths=all'
set_tunnel weight=3 | grep -q 'weight=3'
refused set_tunnel weight=0
status A 'status["tunnels"][0]["policy"]["weight"] == 3' 0 >/dev/null

traffic_end
nothing_lost
