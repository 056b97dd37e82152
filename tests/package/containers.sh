#!/bin/bash
# The images of docs/examples/containers: they are built of the packages, and what runs in them is a user without any right,
# which carries payloads while a link is cut, and writes to nothing but its own two folders. Networks are those of the
# laboratory.
#
#   A wan0 -- a0 - M - b0 -- wan0 B      A, B and M: containers in these namespaces
#   A wan1 -- a1 -'  `- b1 -- wan1 B
. "$(dirname "$0")/_podman.sh"

# container A IMAGE FOLDER: starts it in the namespace of that name, with that folder of the example.
container() {
  folder_of "$1" "$3"
  sed -i 's/eth\*/wan*/' "$lab/containers/$3"/*.yaml
  run "$@"
  ready "$1"
}
# run A IMAGE FOLDER [OPTION…]: the same of a folder that there is, and nobody waits.
run() {
  # What ran under this name before has said that it is ready.
  : >"$lab/$1.log"
  podman run --rm --name "$1" --network "ns:/run/netns/$1" --cap-drop all --add-host "map:${map_address%:*}" \
    --security-opt no-new-privileges --read-only --tmpfs /run/warp:mode=1777 --tmpfs /run/warp-map:mode=1777 \
    -v "$lab/containers/$3:/etc/warp:ro" "${@:4}" "$2" >"$lab/$1.log" 2>&1 &
  pid_of[$1]=$!
}
# says A PATTERN: its log does before long.
says() {
  local i
  for ((i = 0; i < 100; i++)); do
    ! grep -qE "$2" "$lab/$1.log" || return 0
    sleep 0.1
  done
  fail "$1 does not say /$2/: $(cat "$lab/$1.log")"
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
for image in warp-node warp-map; do
  podman history --no-trunc "$image" >"$lab/history"
  ! grep -iE 'private|\.key' "$lab/history" || fail "a key is in $image"
done
for name in A M; do
  ! podman exec "$name" touch /usr/here /var/here 2>/dev/null || fail "$name may write to its image"
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

step "they are the first process, and bury what loses its parent"
for name in A M; do
  podman exec "$name" sh -c '(sleep 0.1 &); (sleep 0.1 &)'
  sleep 1
  ! ps -o stat= --ppid "${process_of[$name]}" | grep Z || fail "$name has dead children"
done

step "SIGHUP reloads"
podman kill --signal HUP A >/dev/null
says A 'reload: nothing differs'

step "they end as a service does"
for name in A B M; do podman stop --time 20 "$name" >/dev/null; done
for name in A B M; do wait "${pid_of[$name]}" || fail "$name ended with $?: $(tail -n 3 "$lab/$name.log")"; done

step "a key that is another user's, one that all may read, and none"
key=$lab/containers/a/private.key
refused() {
  run A warp-node a
  ! wait "${pid_of[A]}" || fail "it started"
  grep -qE "$1" "$lab/A.log" || fail "it does not say /$1/: $(cat "$lab/A.log")"
}
chown 0:0 "$key"
refused '/etc/warp/private.key.*(denied|13116)'
chown 13116:13116 "$key" && chmod 644 "$key"
refused '/etc/warp/private.key'
mv "$key" "$lab/kept"
refused '/etc/warp/private.key.*No such file'
install -o 13116 -g 13116 -m 600 "$lab/kept" "$key"

step "a volume that it may not write to, and none: it serves all the same"
mkdir "$lab/volume" && chmod 755 "$lab/volume"
for volume in "$lab/volume:/var/lib/warp" "$lab/volume:/elsewhere"; do
  run B warp-node b -v "$volume"
  ready B
  [[ $(podman exec B warp status --json | head -c 1) == '{' ]]
  podman stop --time 20 B >/dev/null
  wait "${pid_of[B]}" || fail "B ended with $?"
done
