#!/bin/bash
# The images of docs/examples/containers: they are built of the packages, and what runs in them is a user without any right,
# which carries payloads while a link is cut. Networks are those of the laboratory.
#
#   A wan0 -- a0 - M - b0 -- wan0 B      A, B and M: containers in these namespaces
#   A wan1 -- a1 -'  `- b1 -- wan1 B
. "$(dirname "$0")/_machine.sh"
command -v podman >/dev/null || skip "there is no podman: sudo tools/test --suite package installs it"
examples=$package_tests/../../docs/examples/containers

# What podman keeps is in memory, as files: a laboratory has no overlays for it. It runs in this namespace, without a
# service manager, and a container is in no control group of its own. crun refuses to look at control groups of both
# versions, and so it is shown those of version 2 alone.
mount -t cgroup2 cgroup /sys/fs/cgroup
contained() {
  podman --root "$lab/podman/root" --runroot "$lab/podman/run" --tmpdir "$lab/podman/tmp" --storage-driver vfs \
    --cgroup-manager cgroupfs --events-backend none "$@"
}
# image NODE: builds that one, on the root that tests/package/fetch has made.
image() {
  quietly contained build --isolation chroot --network host --build-arg DEBIAN=localhost/debian --target "$1" -t "$2" \
    -f "$examples/Containerfile" "$fetched"
}
# container A IMAGE FOLDER: starts it with that folder of the example, and with the key and the public keys in it.
container() {
  local name=$1 image=$2 folder=$lab/containers/$3
  mkdir -p "$lab/containers"
  cp -r "$examples/$3" "$folder"
  sed -i "s,<A's public key>,$(public_key A),; s,<B's public key>,$(public_key B),; s,<the map's public key>,$(public_key M),
    s/eth\*/wan*/" "$folder"/*.yaml
  install -o 13116 -g 13116 -m 600 "$(key_file "$name")" "$folder/$(sed -n 's/^ *private_key_file: //p' "$folder"/*.yaml)"
  chmod -R go+rX "$folder"
  chmod 600 "$folder"/*.key
  contained run --name "$name" --network "ns:/run/netns/$name" --cgroups disabled --cap-drop all --add-host "map:${map_address%:*}" \
    --security-opt no-new-privileges -v "$folder:/etc/warp:ro" "$image" >"$lab/$name.log" 2>&1 &
  pid_of[$name]=$!
  ready "$name"
}

packages_made
step "the image of an empty Debian"
tar -C "$fetched/root" -c --exclude ./dev --exclude ./complete . | quietly contained import - localhost/debian
step "the images of a node and of the map"
image node warp-node
image map warp-map
contained image inspect --format '{{.User}} {{.Config.Entrypoint}}' warp-node warp-map >"$lab/inspected"
[[ $(cat "$lab/inspected") == $'13116:13116 [warpd]\n13116:13116 [warp-map]' ]] || fail "$(cat "$lab/inspected")"

router
site A 2 4
site B 2 4
step "two sites and a map"
container M warp-map map
container A warp-node a
container B warp-node b
warp_in() { contained exec "$1" warp "${@:2}"; }
declare -A process_of
for name in A B M; do process_of[$name]=$(contained inspect --format '{{.State.Pid}}' "$name"); done
ln -s "/proc/${process_of[A]}/root/run/warp/warpd.sock" "$lab/A.sock"
wait_active A 4
warp_in A status | grep -q '^It works\. '
for name in A B M; do
  grep -qE '^Uid:[[:space:]]+13116[[:space:]]' "/proc/${process_of[$name]}/status" || fail "$name is another user"
  ! grep -E '^Cap(Prm|Eff|Bnd|Amb):' "/proc/${process_of[$name]}/status" | grep -v '0000000000000000' || fail "$name has rights"
done
[[ $(status A "set(port['driver'] for port in status['ports'])") == *udp* ]]

step "payloads pass, and a link is cut"
contained exec -d B warp gauge echo --listen 127.0.0.1:9001 >/dev/null
listening B 9001
warp_in A gauge tx --to 127.0.0.1:9000 --await-echo --rate 500 --size 1200 --seconds 6 >"$lab/gauge" &
gauge=$!
sleep 2
cut a1
wait $gauge || fail "$(cat "$lab/gauge")"
grep -qxE 'lost +0' "$lab/gauge" || fail "$(cat "$lab/gauge")"
grep -E 'received|lost' "$lab/gauge"

step "they end as a service does"
for name in A B M; do contained stop --time 20 "$name" >/dev/null; done
for name in A B M; do wait "${pid_of[$name]}" || fail "$name ended with $?: $(tail -n 3 "$lab/$name.log")"; done
