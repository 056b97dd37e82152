#!/bin/bash
# A follows its changed file under 5,000 payloads a second: a port, a peer and a tunnel come, change and go, and the
# tunnel that did not change loses nothing. A file with a mistake, one that needs a restart, one whose gate is taken and
# one that nobody confirms leave A as it was.
#
#   A wan0 … wan3 -- a0 … a3 - M - b0, b1 -- wan0, wan1 B
#                              '- d0 -- wan0 D          (C is never there)
. "$(dirname "$0")/_init.sh"
router
site A 4 4
site B 2 4
site D 1 4
links_of[C]=1
with_map=no with_endpoints=yes
node_config B A
for more in "bulk 2 9010" "old 3 9020" "new 5 9040"; do tunnel_config B A $more >>"$lab/B.yaml"; done
node_config D A
node_config A B
peer() { echo "  - {name: ${1,}, public_key: $(public_key "$1"), endpoints: [\"10.$(number_of "$1").0.2:13116\"]}"; }
{
  sed -e '/name: wan2,/d' -e "s|^tunnels:|$(peer C)\n&|" "$lab/A.yaml"
  tunnel_config A B bulk 2 9010
  tunnel_config A B old 3 9020
  tunnel_config A C there 1 9030
} >"$lab/before.yaml"
{
  sed -e '/name: wan3,/d' -e 's/name: wan1, /&mtu: 1400, /' -e "s|^tunnels:|$(peer D)\n&|" "$lab/A.yaml"
  tunnel_options="mode: stripe" tunnel_config A B bulk 2 9012
  tunnel_config A D there 1 9030
  tunnel_config A B new 5 9040
} >"$lab/after.yaml"

use() { cp "$lab/$1.yaml" "$lab/A.yaml"; }
reload() { timeout 30 "$warp" reload --socket "$lab/A.sock" "$@" >"$lab/out" 2>"$lab/err"; }
# is_as before: A has the ports, peers and tunnels of that file.
is_as() {
  local ports="wan0 wan1 wan3" peers="b c" tunnels="bulk old there video"
  [[ $1 == before ]] || { ports="wan0 wan1 wan2" peers="b d" tunnels="bulk new there video"; }
  for list in ports peers tunnels; do
    status A "' '.join(sorted(one['name'] for one in status['$list'])) == '${!list}'" 1 >/dev/null
  done
}
# refused PATTERN: the reload fails with a line that matches, and A is as it was.
refused() {
  if reload; then fail "not refused: $(cat "$lab/out")"; fi
  grep -qE "$1" "$lab/err" || fail "does not say /$1/: $(cat "$lab/err")"
  is_as before
}

use before
node_up A
node_up B
node_up D
wait_active A 6
echo_up
traffic 5000 500

step "files that A does not follow"
"$warp" diff "$lab/before.yaml" "$lab/after.yaml" | grep -qx '~ port wan1 (reopens)'
sed 's/^ports:/prots:/' "$lab/after.yaml" >"$lab/A.yaml"
refused 'A.yaml:[0-9]+: prots: unknown key, did you mean "ports"'
sed 's/^node:/&\n  workers: 3/' "$lab/after.yaml" >"$lab/A.yaml"
refused 'A.yaml:2: node.workers: auto -> 3 needs a restart, because DPDK makes and pins'
use after
ip netns exec A $lab_python -c 'import socket, time
s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("127.0.0.1", 9012)); time.sleep(1000)' &
holder=$!
listening A 9012
refused 'tunnel bulk: .*127.0.0.1:9012'
kill $holder
wait $holder || true
sed 's/name: wan2, interface: wan2/name: wan2, interface: wan9/' "$lab/after.yaml" >"$lab/A.yaml"
refused 'port wan2: there is no network interface wan9'

step "all changes at once"
use after
reload
is_as after
wait_active A 9
on B "$warp" gauge echo --listen 127.0.0.1:9041 >"$lab/new.log" 2>&1 &
listening B 9041
on A "$warp" gauge tx --to 127.0.0.1:9040 --await-echo --wait-ready 5 --seconds 1 --rate 500 --json >"$lab/new.json"
expect_json "$lab/new.json" 'sent > 0 and lost == 0'
carries 0 0

step "nobody confirms, and then somebody does"
use before
reload --confirm 8s
grep -q 'undone in [78] s unless you type: warp reload --confirm-now' "$lab/out"
is_as before
status A "' '.join(sorted(p['name'] for p in status['peers'])) == 'b d'" 20 >/dev/null
is_as after
reload --confirm 60s
reload --confirm-now
is_as before

step "ten times there and back, by SIGHUP"
for ((i = 0; i < 5; i++)); do
  for file in after before; do
    use $file
    kill -HUP "${pid_of[A]}"
    status A "'wan$([[ $file == after ]] && echo 2 || echo 3)' in [p['name'] for p in status['ports']]" 10 >/dev/null
    for ((look = 0; look < 100; look++)); do
      "$warp" reload --show --json --socket "$lab/A.sock" | grep -q '"state":"applied"' && break
      sleep 0.05
    done
    is_as $file
  done
done
wait_active A 6
carries 0 0
traffic_end
nothing_lost
stop A && stop B && stop D
