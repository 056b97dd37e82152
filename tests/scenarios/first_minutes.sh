#!/bin/bash
# A new user's first minutes (_first_minutes.sh), at hosts that have what `meson install` brings and nothing else of
# WARP's, and a stand-in for systemctl (_hosts.sh). The suite `package` tells the same with packages and systemd.
#
#   A eth0 -- a0 - M - b0 -- wan0 B      M is the map's host, map.example.net
#   A usb0 -- a1 -'
. "$(dirname "$0")/_init.sh"
. "$(dirname "$0")/_hosts.sh"
. "$(dirname "$0")/_first_minutes.sh"
first_sites
hosts A B M
for host in A B; do echo "${map_address%:*} map.example.net" >>"$lab/hosts/$host/etc/hosts"; done
first_minutes

step "each runs as a user of its own, who may read its key, and nobody else may"
[[ $(typed A <<<"stat -c '%U %a' /etc/warp/private.key /run/warp/warpd.sock") == $'_warp 600\n_warp 660' ]]
[[ $(typed M <<<"stat -c '%U %a' /etc/warp/map.key /run/warp-map/map.sock") == $'_warp-map 600\n_warp-map 660' ]]
step "what is typed twice breaks nothing"
[[ $(readme keys | typed A | shown_key) == "$key_A" ]]
! readme "node A" | typed A >"$lab/out" 2>&1 || fail "the configuration was replaced"
grep -q 'is there already, and --force replaces it' "$lab/out"
typed A <<<"warp doctor" >"$lab/out" || fail "$(cat "$lab/out")"
grep -q 'nothing is wrong; warpd runs' "$lab/out"
