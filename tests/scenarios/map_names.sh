#!/bin/bash
# The map is known by its domain alone: service records name two servers, of which the first is dead. No name server is
# there at start; it comes, stands still under traffic, and the map moves to another address. No node is started anew.
#
#   A wan0 -- a0 - M - b0 -- wan0 B      M: the name server, 10.99.0.1, and the map at 10.99.0.1, later at 10.99.0.2
#   A wan1 -- a1 -' '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"
# name_server_up [OPTION…]: it reads where m2.warp.example is from $lab/hosts, again at SIGHUP.
name_server_up() {
  ip netns exec M dnsmasq --no-daemon --user=root --pid-file= --conf-file=/dev/null --no-hosts --no-resolv --bind-interfaces \
    --listen-address=10.99.0.1 --local=/warp.example/ --addn-hosts="$lab/hosts" --host-record=m1.warp.example,10.1.0.99 \
    --srv-host=_warp-map._udp.warp.example,m1.warp.example,13116,10 \
    --srv-host=_warp-map._udp.warp.example,m2.warp.example,13116,20 2>"$lab/dns.log" &
  dns_pid=$!
  listening M 53
}
# map_at ADDRESS…
map_at() {
  local address listen=()
  for address in "$@"; do listen+=(--listen "$address:13116"); done
  launch M M "$warp_map" "${listen[@]}" --private-key-file "$(key_file M)" --control-socket "$lab/M.sock"
  ready M
}
registered() { status "$1" "status['maps'][0]['serving'] == '$2:13116'" "${3:-20}" >/dev/null; }

router
ip -n M address add 10.99.0.2/32 dev lo
site A 2 4
site B 2 4
echo "nameserver 10.99.0.1" >"$lab/resolv.conf"
mount --bind "$lab/resolv.conf" "$(readlink -f /etc/resolv.conf)"  # in the laboratory's own mounts
# IPv6 comes first in most orders, and is dead here: the map listens at IPv4 addresses alone.
printf '%s m2.warp.example\n' fd00:99::1 10.99.0.1 >"$lab/hosts"
map_at 10.99.0.1
for site in A B; do
  [[ $site == A ]] && node_config A B || node_config B A
  sed -i 's/"10.99.0.1:13116"/warp.example/' "$lab/$site.yaml"
done
step "the nodes start, and there is no name server"
node_up A
node_up B
status A "status['maps'][0]['names'][0]['problem'] != ''" 20 >/dev/null
step "it comes, and names a dead server first"
name_server_up
for site in A B; do registered $site 10.99.0.1 30; done
wait_active A 4
echo_up
step "the doctor tries the servers that the records name"
timeout 60 ip netns exec A "$warp" doctor --json "$lab/A.yaml" >"$lab/doctor.json" || true
expect_json "$lab/doctor.json" \
  "'map warp.example is m1.warp.example:13116, m2.warp.example:13116' in [f['what'] for f in findings]"
expect_json "$lab/doctor.json" "not any('service records' in u for u in unseen)"
step "the name server stands still, and the map is dead, under traffic"
traffic 500 500
kill -STOP "$dns_pid"
kill_hard M
for site in A B; do status $site "status['maps'][0]['state'] == 'silent'" 30 >/dev/null; done
step "the map is elsewhere, and its name follows"
map_at 10.99.0.2
echo "10.99.0.2 m2.warp.example" >"$lab/hosts"
kill -CONT "$dns_pid"
kill -HUP "$dns_pid"
for site in A B; do registered $site 10.99.0.2 60; done
traffic_end
nothing_lost
step "the sites find each other by it"
kill_hard B
node_up B
wait_active B 4
step "a name server that stands still does not hold up the end"
kill -STOP "$dns_pid"
stop A
