#!/bin/bash
# The packages of this tree on a Debian that has nothing else: they install, start nothing without a configuration, serve
# with one, are upgraded over themselves under traffic, are restarted when they hang, and are purged without a trace.
#
#     A, a machine: wan0 -- wan0 B, a warpd of this tree
#                   wan1 -- wan1
. "$(dirname "$0")/_machine.sh"

step "the packages are made, and lintian finds nothing"
packages_made
machine_root A
step "what they need is downloaded"
quietly within A apt-get -q update
install_packages A --download-only

joined A B 2
machine_up A
machine_files A >"$lab/before"
failed_units() { within A systemctl --failed --plain --no-legend; }
failed_units >"$lab/failed"  # what a laboratory does not let systemd do

step "they install, and nothing starts that nobody configured"
install_packages A
[[ $(within A systemctl is-enabled warpd warp-map | sort -u) == enabled ]]
[[ $(within A systemctl is-active warpd warp-map | sort -u) == inactive ]]
[[ $(failed_units) == "$(cat "$lab/failed")" ]] || fail "$(failed_units)"
for file in warpd.yaml map.yaml; do within A test -s "/etc/warp/$file.example" || fail "there is no example $file"; done
within A warp check --no-keys /etc/warp/warpd.yaml.example >/dev/null

step "a node serves, as a user of its own, with the key that root made"
with_map=no with_endpoints=yes
node_config A B
node_config B A
tunnel_gate='{tun: {interface: warp0}}' tunnel_config A B network 2 9010 >>"$lab/A.yaml"
serve A
node_up B
wait_active A 2
[[ $(within A stat -c %U "/proc/$(main_pid A)") == _warp ]]
# A service tells systemd of changes once in a while, so that this may come later than its own status.
for ((i = 0; i < 100; i++)); do
  [[ $(within A systemctl show -P StatusText warpd) != '1 of 1 peers connected' ]] || break
  sleep 0.1
done
((i < 100)) || fail "$(within A systemctl show -P StatusText warpd)"
ip -n A link show warp0 >/dev/null
[[ $(status A "set(port['driver'] for port in status['ports'])") == *af_packet* ]]
echo_up
traffic_for 1 1000 500
nothing_lost

step "it is upgraded over itself under traffic"
traffic 1000 500
sleep 1
before=$(main_pid A)
quietly within A dpkg -i /packages/{warp,warpd,warp-map}.deb
[[ $(main_pid A) != "$before" ]]
status B "status['peers'][0]['session'] and active() == 2" 15 >/dev/null
sleep 1
traffic_end
grep -q 'connecting (peer closed)' "$lab/B.log"
# The second that is promised is one of a machine with time: the limit follows what a service that does nothing takes.
sed 's,^ExecStart=.*,ExecStart=/usr/bin/sleep infinity,; s,^Type=.*,Type=exec,; /^WatchdogSec/d; s,^\(Runtime\|State\)Directory=.*,,' \
  "$machines/A/usr/lib/systemd/system/warpd.service" | within A tee /run/systemd/system/nothing.service >/dev/null
within A systemctl daemon-reload
quietly within A systemctl start nothing
nothing=$(within A bash -c 'for i in 1 2 3; do systemctl restart nothing; done; exec 2>&1; TIMEFORMAT=%3R
  time for i in 1 2 3 4 5; do systemctl restart nothing; done')
within A systemctl stop nothing
within A rm /run/systemd/system/nothing.service
within A systemctl daemon-reload
echo "five restarts of a service that does nothing: $nothing s"
expect_gauge "duplicated == 0 and longest_gap_ms < max(1000, 10 * 1000 * $nothing / 5)"

step "a control thread that hangs is seen, and warpd is restarted"
within A mkdir -p /etc/systemd/system/warpd.service.d
printf '[Service]\nWatchdogSec=1\n' | within A tee /etc/systemd/system/warpd.service.d/soon.conf >/dev/null
within A systemctl daemon-reload
within A systemctl restart warpd
wait_active A 2
within A systemctl kill --kill-whom=main --signal=STOP warpd
for ((i = 0; i < 300; i++)); do
  (($(within A systemctl show -P NRestarts warpd) == 0)) || break
  sleep 0.1
done
wait_active A 2
[[ $(within A systemctl show -P NRestarts warpd) == 1 ]]
within A rm -r /etc/systemd/system/warpd.service.d
within A systemctl daemon-reload

step "a map serves, as a user of its own"
printf 'private_key_file: /etc/warp/map.key\nlisten: "127.0.0.1:13117"\n' | within A tee /etc/warp/map.yaml >/dev/null
within A install -m 600 /dev/stdin /etc/warp/map.key <"$(key_file M)"
within A systemctl start warp-map
within A warp status --socket /run/warp-map/map.sock >/dev/null
[[ $(within A stat -c %U /etc/warp/map.key) == _warp-map ]]

step "nothing is left of them but what people wrote, and the users"
quietly within A dpkg --purge warpd warp-map warp
[[ $(within A ls /etc/warp) == $'map.key\nmap.yaml\nprivate.key\nwarpd.yaml' ]]
within A rm -r /etc/warp
# What Debian's own packages recommend or suggest, apt would keep.
quietly within A apt-get -q -y -o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false \
  autoremove --purge
machine_files A >"$lab/after"
diff <(grep -vE '^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$' "$lab/before") \
  <(grep -vE '^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$' "$lab/after") || fail "files are left"
for left in /run/warp /run/warp-map; do ! within A test -e $left || fail "$left is left"; done
