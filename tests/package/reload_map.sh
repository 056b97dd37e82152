#!/bin/bash
# The map's service follows its changed file by `systemctl reload warp-map`, while A and B find each other by it: who may
# register, a mistake that is refused, and a key that root made anew, which needs a restart. The process stays, and
# nothing is lost.
#
#     A wan0 -- M -- wan0 B     M is a machine with the packages; A and B run a warpd of this tree
#       wan1 -'
. "$(dirname "$0")/_machine.sh"
main_pid_of_map() { within M systemctl show -P MainPID warp-map; }
# map_file LINE…: the map's file from now on.
map_file() { printf '%s\n' "private_key_file: /etc/warp/map.key" "$@" | within M tee /etc/warp/map.yaml >/dev/null; }
map_up() {
  packages_made
  machine_root M
  quietly within M apt-get -q update
  install_packages M --download-only
  machine_up M
  install_packages M
  map_file
  within M install -m 600 /dev/stdin /etc/warp/map.key <"$(key_file M)"
  within M systemctl start warp-map
}
nodes() { within M warp map list --json --socket /run/warp-map/map.sock | wc -l; }
# refused PATTERN: a reload is, and the journal has that.
refused() {
  ! within M systemctl reload warp-map 2>/dev/null || fail "not refused"
  within M journalctl -u warp-map --no-pager -o cat >"$lab/journal"
  grep -qE "$1" "$lab/journal" || fail "the journal does not say /$1/: $(tail -n 5 "$lab/journal")"
  [[ $(within M systemctl is-active warp-map) == active ]]
}

two_sites 2 1
before=$(main_pid_of_map)
echo_up
traffic 500 300
[[ $(nodes) == 2 ]]

step "only A may register"
map_file "allow_keys: [\"$(public_key A)\"]"
within M systemctl reload warp-map
for ((i = 0; i < 50 && $(nodes) != 1; i++)); do sleep 0.1; done
[[ $(nodes) == 1 ]]

step "a mistake is refused, and said"
map_file 'lifetime: 1 fortnight'
refused '^/etc/warp/map.yaml:2: lifetime: '
map_file 'allow_keys_file: /etc/warp/keys'
refused '/etc/warp/keys'
[[ $(nodes) == 1 ]]

step "another key needs a restart, whoever made it"
map_file
within M install -m 600 /etc/warp/map.key /etc/warp/good
(umask 077 && "$warp" keygen) | within M install -m 600 /dev/stdin /etc/warp/map.key
refused '^/etc/warp/map.yaml:1: .*restart'
[[ $(within M stat -c %U /etc/warp/map.key) == _warp-map ]]
within M mv /etc/warp/good /etc/warp/map.key

step "all may, and B comes back"
within M systemctl reload warp-map
for ((i = 0; i < 400 && $(nodes) != 2; i++)); do sleep 0.1; done
[[ $(nodes) == 2 ]]

traffic_end
nothing_lost
[[ $(main_pid_of_map) == "$before" ]] || fail "warp-map was restarted"
