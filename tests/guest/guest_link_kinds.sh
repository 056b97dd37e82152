#!/bin/bash
# The links of every kind (tests/scenarios/link_kinds.sh) with the kernel of this Debian release, which has them all:
# VLANs, bonds, WireGuard, tun, raw IP and ppp.
. "$(dirname "$0")/_guest.sh"
rooted_up veth 8021q bonding wireguard ppp_async
rooted_scenario link_kinds | tee "$lab/said"
for kind in veth vlan bond wireguard tun rawip ppp; do grep -q " $kind, driver auto: " "$lab/said"; done
for kind in tun rawip ppp; do grep -q " $kind, driver af_packet: " "$lab/said"; done
if grep 'skipped' "$lab/said"; then fail "this kernel has them all"; fi
