#!/bin/bash
# One node has a thousand tunnels to two hundred peers over eight ports, in mixed modes. It must need no further threads,
# and each tunnel must carry its own payloads, in its own way.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#     wan1 -- a1 - M
#       …   8 ports
. "$(dirname "$0")/_init.sh"
threads() { find "/proc/${pid_of[$1]}/task" -mindepth 1 -maxdepth 1 | wc -l; }
two_sites 8 1
threads_of_one=$(threads A)
stop A
stop B

# Every fifth tunnel leads to the other site. The others lead to peers that never appear.
for ((i = 1; i <= 199; i++)); do
  echo "  - {name: p$i, public_key: $(head -c 32 /dev/urandom | base64)}"
done >"$lab/strangers"
modes=(replicate "stripe, fec: 4+1" stripe adaptive backup "replicate, copies: 2")
for ((i = 2; i <= 1000; i++)); do
  peer=p$((i % 199 + 1))
  ((i % 5)) || peer=PEER
  echo "  - {name: t$i, id: $i, peer: $peer, mode: ${modes[i / 5 % 6]}, gate: {loopback: {listen: 127.0.0.1:$((20000 + i)), deliver: 127.0.0.1:$((30000 + i))}}}"
done >"$lab/tunnels"
for site in A B; do
  sed -i "/^tunnels:/e cat $lab/strangers" "$lab/$site.yaml"
  [[ $site == A ]] && peer=b || peer=a
  sed "s/PEER/$peer/" "$lab/tunnels" >>"$lab/$site.yaml"
done

step "start"
begin=$(date +%s%N)
ulimit -Sn 1024  # the usual limit of a shell; each gate needs a descriptor
node_up A
status A 'len(status["tunnels"]) == 1000 and len(status["peers"]) == 200' >/dev/null
step "A answers for all of them after $((($(date +%s%N) - begin) / 1000000)) ms"
node_up B
wait_active A 8
wait_active B 8
(($(threads A) == threads_of_one)) || fail "$(threads A) threads instead of $threads_of_one"
for i in 5 10 15 20 25 30 500 1000; do
  on B "$warp" gauge echo --listen 127.0.0.1:$((30000 + i)) >"$lab/echo$i.log" 2>&1 &
  listening B $((30000 + i))
  # The echo leaves B by the gate that it came from. At A it goes to the address to which the gauge is bound.
  on A "$warp" gauge tx --to 127.0.0.1:$((20000 + i)) --bind 127.0.0.1:$((30000 + i)) --await-echo --rate 1000 --size 300 \
    --seconds 1 --json >"$lab/gauge.json"
  nothing_lost
  cat "$lab/gauge.json"
done
