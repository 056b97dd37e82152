#!/bin/bash
# The service follows its changed file by `systemctl reload warpd`, under traffic: a tunnel comes, a mistake is refused, and
# root puts a new key in the place of the old one. The process stays, and nothing is lost.
#
#     A, a machine: wan0 -- wan0 B, a warpd of this tree
#                   wan1 -- wan1
. "$(dirname "$0")/_machine.sh"

machine_serves 2
before=$(main_pid A)
traffic 1000 500
sleep 1

step "a tunnel comes"
for name in A B; do tunnel_config $name "$([[ $name == A ]] && echo B || echo A)" late 2 9010 >"$lab/$name.late"; done
within A tee -a /etc/warp/warpd.yaml <"$lab/A.late" >/dev/null
cat "$lab/B.late" >>"$lab/B.yaml"
within A systemctl reload warpd
"$warp" reload --socket "$lab/B.sock" >/dev/null
status A "[tunnel['name'] for tunnel in status['tunnels']] == ['video', 'late']" >/dev/null

step "a mistake is refused, and said"
within A cp /etc/warp/warpd.yaml /etc/warp/good
echo 'nonsense: 1' | within A tee -a /etc/warp/warpd.yaml >/dev/null
! within A systemctl reload warpd 2>/dev/null || fail "a file with a mistake was followed"
within A journalctl -u warpd --no-pager -o cat >"$lab/journal"
grep -q '^/etc/warp/warpd.yaml:[0-9]*: .*nonsense' "$lab/journal" || fail "$(tail -n 5 "$lab/journal")"
[[ $(within A systemctl is-active warpd) == active ]]
within A mv /etc/warp/good /etc/warp/warpd.yaml

step "root makes a new key"
(umask 077 && "$warp" keygen >"$lab/A.key")
new=$(public_key A)
within A install -m 600 /dev/stdin /etc/warp/private.key <"$lab/A.key"
within A systemctl reload warpd
[[ $(within A stat -c %U /etc/warp/private.key) == _warp ]]
status A "status['node']['public_key'] == '$new'" >/dev/null
sed -i "s|public_key: [^,]*, endpoints|public_key: $new, endpoints|" "$lab/B.yaml"
"$warp" reload --socket "$lab/B.sock" >/dev/null
status A "not status['node']['old_keys'] and status['peers'][0]['session']" 20 >/dev/null

traffic_end
nothing_lost
[[ $(main_pid A) == "$before" ]] || fail "warpd was restarted"
