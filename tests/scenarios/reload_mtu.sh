#!/bin/bash
# One of two links becomes a jumbo link, and an ordinary one again, under 2,000 payloads a second: packet buffers grow and
# shrink while both nodes run, nothing of the stream is lost, and payloads of 8,000 bytes pass whole where they were cut.
#
#   A wan0 ---- wan0 B      1,500 bytes, then 9,000
#   A wan1 ---- wan1 B
. "$(dirname "$0")/_init.sh"
joined A B 2
with_map=no with_endpoints=yes
node_config A B
node_config B A
for site in A B; do
  number=$([[ $site == A ]] && echo 0 || echo 1)
  sed -i 's/name: wan0, /&mtu: 1500, /' "$lab/$site.yaml"
  tunnel_config $site "$([[ $site == A ]] && echo B || echo A)" bulk 2 9010 >>"$lab/$site.yaml"
  cp "$lab/$site.yaml" "$lab/$site.small"
  sed 's/mtu: 1500/mtu: 9000/' "$lab/$site.small" >"$lab/$site.large"
done

interfaces() { for site in A B; do ip -n $site link set wan0 mtu "$1"; done; }
# follow A large [OPTION…]: A follows that file of its two.
follow() {
  cp "$lab/$1.$2" "$lab/$1.yaml"
  timeout 30 "$warp" reload --socket "$lab/$1.sock" "${@:3}" >"$lab/out" 2>"$lab/err" ||
    fail "$1: $(cat "$lab/err")"
}
way() { echo "path('wan0', '10.2.0.2:')"; }
# mtu 9000: waits until both ends have proven that packets of this size pass, and smaller ones where they must be.
mtu() {
  status A "$(way)['mtu'] == $1 and $(way)['mtu_proven']" 15 >/dev/null
  status B "path('wan0', '10.1.0.2:')['mtu'] == $1" 15 >/dev/null
}
# packets: prints in how many packets A sends 100 payloads of 8,000 bytes, over all paths.
packets() {
  local sum="sum(path['tx_packets'] for path in paths())" before
  before=$(status A "1 + $sum" 1)
  on A "$warp" gauge tx --to 127.0.0.1:9010 --await-echo --seconds 1 --rate 100 --size 8000 --json >"$lab/bulk.json"
  expect_json "$lab/bulk.json" '90 <= sent <= 110 and lost == 0'
  status A "1 + $sum - $before" 1
}
memory() { awk '/^VmRSS/ {print int($2 / 1024)}' "/proc/${pid_of[A]}/status"; }

node_up A
node_up B
wait_active A 2
wait_active B 2
echo_up
on B "$warp" gauge echo --listen 127.0.0.1:9011 >"$lab/bulk.log" 2>&1 &
listening B 9011

step "a payload of 8,000 bytes is cut"
mtu 1500
cut=$(packets)
((cut > 1000)) || fail "$cut packets"
small=$(memory)

step "the link and both files say 9,000"
traffic 2000 1200
interfaces 9000
follow A large
follow B large
mtu 9000
traffic_end
nothing_lost
large=$(memory)
((large > small + 100)) || fail "$small MiB, and $large MiB with larger buffers"

step "it passes whole"
whole=$(packets)
((whole < 250)) || fail "$whole packets, and $cut before"

step "back, and nobody confirms it; and back"
traffic 2000 1200
follow A small --confirm 1s
status A "$(way)['mtu'] == 1500" 5 >/dev/null
mtu 9000
for ((i = 0; i < 4; i++)); do
  follow A small
  follow A large
done
follow A small
follow B small
interfaces 1500
mtu 1500
traffic_end
nothing_lost
cut=$(packets)
((cut > 1000)) || fail "$cut packets"
for ((look = 0; look < 100; look++)); do
  (($(memory) > small + 60)) || break
  sleep 0.1
done
(($(memory) <= small + 60)) || fail "$(memory) MiB, and $small MiB before"
step "$small MiB, $large MiB with larger buffers, and $(memory) MiB after them"
stop A && stop B
