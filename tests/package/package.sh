#!/bin/bash
# The packages of this tree on a Debian that has nothing else (_machine.sh draws it): they install, start nothing
# without a configuration, serve with one, are upgraded over themselves under traffic, are restarted when they hang, and
# are purged without a trace.
. "$(dirname "$0")/_machine.sh"

step "the packages are made, and lintian finds nothing"
"$package_tests/../../tools/package" --build "$warp_build" --into "$fetched" >"$lab/package.log" 2>&1 ||
  { cat "$lab/package.log"; fail "no packages"; }

machine_root
packages=(/packages/{warp,warpd,warp-map}.deb)
for package in warp warpd warp-map; do cp "$fetched/${package}"_[0-9]*.deb "$machine/packages/$package.deb"; done
quietly() { "$@" >"$lab/quiet.log" 2>&1 || { cat "$lab/quiet.log"; fail "failed: $*"; }; }
install_packages() { quietly within apt-get -q -y --no-install-recommends -o APT::Sandbox::User=root install "$@" "${packages[@]}"; }
step "what they need is downloaded"
quietly within apt-get -q update
install_packages --download-only

joined A B 2
machine_up
machine_files >"$lab/before"

step "they install, and nothing starts that nobody configured"
install_packages --no-download
[[ $(within systemctl is-enabled warpd warp-map | sort -u) == enabled ]]
[[ $(within systemctl is-active warpd warp-map | sort -u) == inactive ]]
[[ -z $(within systemctl --failed --plain --no-legend) ]]
for file in warpd.yaml map.yaml; do [[ -s $machine/etc/warp/$file.example ]] || fail "there is no example $file"; done
within warp check --no-keys /etc/warp/warpd.yaml.example >/dev/null

step "a node serves, as a user of its own, with the key that root made"
with_map=no with_endpoints=yes
node_config A B
node_config B A
sed -i '/control_socket/d; /state_directory/d; s,private_key_file:.*,private_key_file: /etc/warp/private.key,' "$lab/A.yaml"
cp "$lab/A.yaml" "$machine/etc/warp/warpd.yaml"
install -m 600 "$(key_file A)" "$machine/etc/warp/private.key"
within systemctl start warpd
ln -s "/proc/$machine_pid/root/run/warp/warpd.sock" "$lab/A.sock"
node_up B
wait_active A 4
[[ $(within stat -c %U "/proc/$(within systemctl show -P MainPID warpd)") == _warp ]]
[[ $(within systemctl show -P StatusText warpd) == '1 of 1 peers connected' ]]
[[ $(status A "set(port['driver'] for port in status['ports'])") == *af_packet* ]]
echo_up
traffic_for 1 1000 500
nothing_lost

step "it is upgraded over itself under traffic"
traffic 1000 500
sleep 1
before=$(within systemctl show -P MainPID warpd)
quietly within dpkg -i "${packages[@]}"
[[ $(within systemctl show -P MainPID warpd) != "$before" ]]
status B "status['peers'][0]['session'] and active() == 4" 15 >/dev/null
sleep 1
traffic_end
expect_gauge 'longest_gap_ms < 1000 and duplicated == 0'
grep -q 'connecting (peer closed)' "$lab/B.log"

step "a control thread that hangs is seen, and warpd is restarted"
mkdir -p "$machine/etc/systemd/system/warpd.service.d"
printf '[Service]\nWatchdogSec=1\n' | within tee /etc/systemd/system/warpd.service.d/soon.conf >/dev/null
within systemctl daemon-reload
within systemctl restart warpd
wait_active A 4
within systemctl kill --kill-whom=main --signal=STOP warpd
for ((i = 0; i < 300; i++)); do
  (($(within systemctl show -P NRestarts warpd) == 0)) || break
  sleep 0.1
done
wait_active A 4
[[ $(within systemctl show -P NRestarts warpd) == 1 ]]
within rm -r /etc/systemd/system/warpd.service.d
within systemctl daemon-reload

step "a map serves, as a user of its own"
printf 'private_key_file: /etc/warp/map.key\nlisten: "127.0.0.1:13117"\n' | within tee /etc/warp/map.yaml >/dev/null
install -m 600 "$(key_file M)" "$machine/etc/warp/map.key"
within systemctl start warp-map
within warp status --socket /run/warp-map/map.sock >/dev/null
[[ $(within stat -c %U /etc/warp/map.key) == _warp-map ]]

step "nothing is left of them but what people wrote, and the users"
quietly within dpkg --purge warpd warp-map warp
[[ $(within ls /etc/warp) == $'map.key\nmap.yaml\nprivate.key\nwarpd.yaml' ]]
within rm -r /etc/warp
quietly within apt-get -q -y autoremove --purge
machine_files >"$lab/after"
diff <(grep -vE '^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$' "$lab/before") \
  <(grep -vE '^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$' "$lab/after") || fail "files are left"
[[ ! -e /proc/$machine_pid/root/run/warp && ! -e /proc/$machine_pid/root/run/warp-map ]]
