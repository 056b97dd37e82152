#!/bin/bash
# The composition of docs/examples/containers, as docs/containers.md types it, on a host of its own: two sites and a map on
# two bridged networks, in which names are looked up. A site is taken from a network and put back, and loses nothing.
. "$(dirname "$0")/_podman.sh"
command -v podman-compose >/dev/null || skip "there is no podman-compose: sudo tools/test --suite package installs it"

images_made
namespace H

# The host's namespace alone gets networks. `ip netns exec` would cover the control groups.
on_host() { nsenter --net=/run/netns/H "$@"; }
composition=$lab/containers
compose() { (cd "$composition" && on_host podman-compose "$@"); }

step "the folders of the sites and of the map"
folder_of A a
folder_of B b
folder_of M map
cp "$examples/compose.yaml" "$composition"

step "up"
quietly compose up -d
process_of() { podman inspect --format '{{.State.Pid}}' "$1"; }
ln -s "/proc/$(process_of warp-a)/root/run/warp/warpd.sock" "$lab/A.sock"
# The host routes between its networks, under an address of its own: there are more paths than those within one of them.
networks="{path['port'] for path in paths() if path['state'] == 'active'}"
status A "len($networks) == 2" 30 >/dev/null
compose exec -T a warp status >"$lab/screen" 2>/dev/null
grep -q '^It works\. ' "$lab/screen" || fail "$(cat "$lab/screen")"

# The podman-compose of Debian 12 cannot start what shares the network of another service.
[[ -n $(podman ps -q --filter name=application) ]] ||
  quietly on_host podman run -d --network container:warp-b --entrypoint warp warp-node gauge echo --listen 127.0.0.1:9001

step "payloads pass, and a site is taken from a network and put back"
compose exec -T a warp gauge tx --to 127.0.0.1:9000 --await-echo --rate 500 --size 1200 --seconds 12 >"$lab/gauge" 2>&1 &
gauge=$!
sleep 2
on_host podman network disconnect warp-lte warp-a
status A "len($networks) == 1" 15 >/dev/null
on_host podman network connect warp-lte warp-a
status A "len($networks) == 2" 15 >/dev/null
wait $gauge || fail "$(cat "$lab/gauge")"
grep -qxE 'lost +0' "$lab/gauge" || fail "$(cat "$lab/gauge")"
grep -E 'received|lost' "$lab/gauge"

step "down"
quietly compose down
[[ -z $(podman ps -q --filter name=warp-) ]] || fail "$(podman ps)"
