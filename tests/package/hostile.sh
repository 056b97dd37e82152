#!/bin/bash
# What happens to packages: an upgrade is cut off, done twice, goes backwards, finds a broken configuration, a full disk, links
# and files of others where it expects its own, and is followed by a purge. What runs goes on, and loses nothing.
#
#     A, a machine: wan0 -- wan0 B, a warpd of this tree
. "$(dirname "$0")/_machine.sh"

# later PACKAGE: makes /packages/later-PACKAGE.deb of it, of a later version and with another example.
later() {
  dpkg-deb -R "$lab/packages/$1.deb" "$lab/later-$1"
  sed -i 's/^Version: .*/&+later/' "$lab/later-$1/DEBIAN/control"
  for example in "$lab/later-$1"/etc/warp/*.example; do echo '# of a later version' >>"$example"; done
  quietly dpkg-deb --root-owner-group -b "$lab/later-$1" "$lab/packages/later-$1.deb"
}
version() { within A dpkg-query -W -f '${Version}' warpd; }
# untouched COMMAND…: what it does to the machine loses nothing, and leaves the warpd that runs.
untouched() {
  local before
  before=$(main_pid A)
  traffic 1000 500
  sleep 0.3
  "$@"
  sleep 0.3
  traffic_end
  nothing_lost
  [[ $(main_pid A) == "$before" ]] || fail "warpd was restarted"
}
replaced() { within A dpkg --force-confdef --force-confold -i "/packages/$1.deb" >"$lab/dpkg.log" 2>&1; }
refused() { ! "$@" || fail "it worked: $*"; }

packages_made
later warpd
machine_serves 1
first=$(version)

step "an upgrade that is cut off before its end"
untouched quietly within A dpkg --unpack /packages/later-warpd.deb
quietly within A dpkg --configure -a
wait_active A 1
for moment in 0.03 0.1 0.3; do
  within A timeout -s KILL $moment dpkg -i /packages/warpd.deb >/dev/null 2>&1 || true
  wait_active A 1
done
quietly within A dpkg --configure -a
replaced warpd
[[ $(version) == "$first" ]]  # an earlier version, over a later one
wait_active A 1

step "its scripts, twice"
for script in 'postinst configure' "postinst configure $first" 'prerm upgrade 9' 'postinst abort-upgrade 9' 'postrm upgrade 9'; do
  for time in 1 2; do within A sh -c "DPKG_MAINTSCRIPT_PACKAGE=warpd /var/lib/dpkg/info/warpd.$script" >/dev/null; done
done
wait_active A 1

step "a configuration that the new version refuses"
echo 'nonsense: 1' | within A tee -a /etc/warp/warpd.yaml >/dev/null
untouched replaced later-warpd
grep -q 'what runs goes on until' "$lab/dpkg.log" || fail "$(cat "$lab/dpkg.log")"
grep -q "^warpd: /etc/warp/warpd.yaml:[0-9]*: .*nonsense" "$lab/dpkg.log" || fail "$(cat "$lab/dpkg.log")"
within A sed -i '/^nonsense/d' /etc/warp/warpd.yaml
within A systemctl restart warpd
wait_active A 1

step "what people changed stays theirs"
echo '# mine' | within A tee -a /etc/warp/warpd.yaml.example >/dev/null
replaced warpd
[[ $(within A tail -n 1 /etc/warp/warpd.yaml.example) == '# mine' ]]
wait_active A 1

step "a disk that is full"
used=$(df --output=used /run | tail -n 1)
mount -o "remount,size=$((used + 300))k" /run
untouched refused replaced later-warpd
grep -qi 'no space left' "$lab/dpkg.log" || fail "$(cat "$lab/dpkg.log")"
mount -o remount,size=50% /run
replaced later-warpd
wait_active A 1

step "links, and files of somebody else, where its own should be"
within A systemctl stop warpd
within A find /var/lib/warp -type f -exec chown root {} + -exec chmod 600 {} +
within A ln -s /etc /var/lib/warp/away
within A mv /etc/warp/private.key /root/key
within A ln -s /etc/shadow /etc/warp/private.key
owner=$(within A stat -c %U:%G:%a /etc/shadow)
refused within A systemctl start warpd 2>/dev/null
within A journalctl -u warpd -o cat >"$lab/journal"
grep -q '^warpd: .*private.key' "$lab/journal" || fail "$(tail "$lab/journal")"
[[ $(within A stat -c %U:%G:%a /etc/shadow) == "$owner" ]] || fail "the key's link has given /etc/shadow away"
within A mv /root/key /etc/warp/private.key
within A systemctl restart warpd
wait_active A 1

step "a purge while it carries"
traffic 1000 500
quietly within A dpkg --purge warpd
kill -TERM "$gauge_pid"
wait "$gauge_pid" || true
for ((i = 0; i < 100; i++)); do ! tail -n 5 "$lab/B.log" | grep -q 'peer closed' || break; sleep 0.05; done
tail -n 5 "$lab/B.log" | grep -q 'peer closed' || fail "B was not told"
for left in /run/warp /var/lib/warp /usr/sbin/warpd; do ! within A test -e $left || fail "$left is left"; done
[[ $(main_pid A) == 0 ]] || fail "it still runs"
within A test -s /etc/passwd -a -s /etc/warp/warpd.yaml -a -s /etc/warp/private.key
