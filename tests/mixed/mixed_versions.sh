#!/bin/bash
# One end is of this version and the other of the one before it, whichever way round, and so is the map. Payloads pass both
# ways, by all paths and by the sum of them, while links are cut; then the older end is upgraded.
#
#   A wan0, wan1 -- M -- wan0, wan1 B
. "$(dirname "$0")/../scenarios/_init.sh"
previous=$warp_build/mixed/build
[[ -x $previous/control/warpd ]] || { echo "the version before is not built (sudo tools/test --suite mixed)"; exit 77; }

# version A old: the programs from which a daemon is started next.
version() {
  local of=$warp_build
  [[ $2 != old ]] || of=$previous
  if [[ $1 == M ]]; then warp_map=$of/map-server/warp-map; else warpd=$of/control/warpd; fi
}
start() { version "$1" "$2"; node_up "$1"; }

# Each link of A is cut in turn, while payloads pass both ways: none is lost, and none comes twice.
cuts() {
  traffic 200 1200
  for link in a0 a1; do
    sleep 1
    cut "$link"
    sleep 1
    restore "$link"
    wait_active A 4
  done
  sleep 1
  traffic_end
  nothing_lost
}

router
site A 2
site B 2
echo_up
for mode in replicate stripe; do
  for versions in 'old new old' 'new old new'; do
    read -r of_a of_b of_map <<<"$versions"
    step "mode $mode: A is $of_a, B is $of_b, the map is $of_map"
    tunnel_options="mode: $mode"
    [[ $mode != stripe ]] || tunnel_options+=$'\norder: 150ms\nresend: 150ms'
    version M "$of_map"
    map_up
    node_config A B
    node_config B A
    start A "$of_a"
    start B "$of_b"
    wait_active A 4
    wait_active B 4
    cuts
    step "both are of this version"
    stop A
    stop B
    start A new
    start B new
    wait_active A 4
    wait_active B 4
    cuts
    for daemon in A B M; do stop "$daemon"; done
  done
done
