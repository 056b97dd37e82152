#!/bin/bash
# A new user's first minutes (tests/scenarios/_first_minutes.sh), on three Debians that have nothing but the packages.
#
#   A eth0 -- a0 - M - b0 -- wan0 B      M is the map's host, map.example.net
#   A usb0 -- a1 -'
. "$(dirname "$0")/_machine.sh"
. "$package_tests/../scenarios/_first_minutes.sh"
typed() { within "$1" bash -e; }

step "the packages, on a Debian that is laid thrice"
packages_made
machine_root fresh
quietly within fresh apt-get -q update
install_packages fresh
umount -R "$machines/fresh"
for host in A B M; do machine_root $host "$lab/above/fresh/upper:$fetched/root"; done
for host in A B; do echo "${map_address%:*} map.example.net" >>"$machines/$host/etc/hosts"; done
first_sites
for host in A B M; do machine_up $host; done
first_minutes
[[ $(within A systemctl show -P StatusText warpd) == '1 of 1 peers connected' ]]
