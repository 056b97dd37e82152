#!/bin/bash
# The images of docs/examples/containers: they are built of the packages, and what runs in them is a user without any right,
# which carries payloads while a link is cut. Networks are those of the laboratory.
#
#   A wan0 -- a0 - M - b0 -- wan0 B      A, B and M: containers in these namespaces
#   A wan1 -- a1 -'  `- b1 -- wan1 B
. "$(dirname "$0")/_podman.sh"

# container A IMAGE FOLDER: starts it in the namespace of that name, with that folder of the example.
container() {
  local name=$1
  folder_of "$name" "$3"
  sed -i 's/eth\*/wan*/' "$lab/containers/$3"/*.yaml
  podman run --name "$name" --network "ns:/run/netns/$name" --cap-drop all --add-host "map:${map_address%:*}" \
    --security-opt no-new-privileges -v "$lab/containers/$3:/etc/warp:ro" "$2" >"$lab/$name.log" 2>&1 &
  pid_of[$name]=$!
  ready "$name"
}

images_made
podman image inspect --format '{{.User}} {{.Config.Entrypoint}}' warp-node warp-map >"$lab/inspected"
[[ $(cat "$lab/inspected") == $'13116:13116 [warpd]\n13116:13116 [warp-map]' ]] || fail "$(cat "$lab/inspected")"

router
site A 2 4
site B 2 4
step "two sites and a map"
container M warp-map map
container A warp-node a
container B warp-node b
warp_in() { podman exec "$1" warp "${@:2}"; }
declare -A process_of
for name in A B M; do process_of[$name]=$(podman inspect --format '{{.State.Pid}}' "$name"); done
ln -s "/proc/${process_of[A]}/root/run/warp/warpd.sock" "$lab/A.sock"
wait_active A 4
warp_in A status | grep -q '^It works\. '
for name in A B M; do
  grep -qE '^Uid:[[:space:]]+13116[[:space:]]' "/proc/${process_of[$name]}/status" || fail "$name is another user"
  ! grep -E '^Cap(Prm|Eff|Bnd|Amb):' "/proc/${process_of[$name]}/status" | grep -v '0000000000000000' || fail "$name has rights"
done
[[ $(status A "set(port['driver'] for port in status['ports'])") == *udp* ]]

step "payloads pass, and a link is cut"
podman exec -d B warp gauge echo --listen 127.0.0.1:9001 >/dev/null
listening B 9001
warp_in A gauge tx --to 127.0.0.1:9000 --await-echo --rate 500 --size 1200 --seconds 6 >"$lab/gauge" &
gauge=$!
sleep 2
cut a1
wait $gauge || fail "$(cat "$lab/gauge")"
grep -qxE 'lost +0' "$lab/gauge" || fail "$(cat "$lab/gauge")"
grep -E 'received|lost' "$lab/gauge"

step "they end as a service does"
for name in A B M; do podman stop --time 20 "$name" >/dev/null; done
for name in A B M; do wait "${pid_of[$name]}" || fail "$name ended with $?: $(tail -n 3 "$lab/$name.log")"; done
