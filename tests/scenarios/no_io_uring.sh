#!/bin/bash
# Where the system forbids io_uring, the daemons use epoll and do the same job. Each cable in turn is pulled and put
# back, and the application loses nothing.
#
#   A wan0 -- a0 - M (map) - b0 -- wan0 B
#   A wan1 -- a1 -'       '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"

# Replaces a program of the laboratory by a script that runs it without io_uring.
forbid_io_uring() {
  printf '#!/bin/sh\nexec "%s" %s "%s" "$@"\n' "$warp_build/tests/scenarios/without_io_uring" "${3:-}" "$2" >"$lab/$1"
  chmod +x "$lab/$1"
}
forbid_io_uring warpd "$warpd"
forbid_io_uring warp-map "$warp_map" ENOSYS
warpd=$lab/warpd
warp_map=$lab/warp-map

two_sites 2 2
status A 'status["node"]["loop"] == "epoll"' 0
status M 'status["map"]["loop"] == "epoll"' 0
grep -q 'event loop: epoll, because the kernel refuses an io_uring' "$lab/A.log"
echo_up
traffic 2000 1200
for cable in a0 a1 b0 b1; do
  step "the cable of $cable is pulled, and put back"
  cut $cable
  sleep 0.4
  restore $cable
  wait_active A 4
  wait_active B 4
done
traffic_end
nothing_lost
