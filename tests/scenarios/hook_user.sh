#!/bin/bash
# warpd as its service runs it: a user with a few rights, whose hooks run as another user and try to reach it.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
. "$(dirname "$0")/_init.sh"
# Two users that only this laboratory has.
sed '$a _warp-lab:x:4711:4711::/:/bin/false\n_warp-hook:x:4712:4712::/:/bin/false' /etc/passwd >"$lab/passwd"
mount --bind "$lab/passwd" /etc/passwd
chmod 755 "$lab"
mkdir -m 777 "$lab/hooked"
install -d -o 4711 "$lab/run" "$lab/state"
cat >"$lab/hook" <<END
#!/bin/sh
cd $lab/hooked
{ id -u; id -G; grep -E '^(Cap|NoNewPrivs)' /proc/self/status; } >said.\$WARP_EVENT
cat $lab/A.key >key 2>/dev/null
$warp tunnel show --socket $lab/run/A.sock >socket 2>/dev/null
pkill -KILL -u 4711
touch done.\$WARP_EVENT
END
chmod 755 "$lab/hook"
router
site A 1 4
site B 1 4
map_up
node_options="on_event: [$lab/hook]" node_config A B
node_config B A
sed -i "s|$lab/A.sock|$lab/run/A.sock|" "$lab/A.yaml"
chown 4711 "$(key_file A)"
ln -s "$lab/run/A.sock" "$lab/A.sock"
node_up B

step "it starts with the rights of its service, and keeps those that it needs"
rights=net_raw,+net_admin,+setuid,+setgid
launch A A setpriv --reuid 4711 --regid 4711 --clear-groups --bounding-set "-all,+$rights" --inh-caps "-all,+$rights" \
  --ambient-caps "-all,+$rights" --no-new-privs "$warpd" --config "$lab/A.yaml"
ready A
wait_active A 1
# CAP_NET_ADMIN (12) and CAP_NET_RAW (13): it cannot become anybody any more.
[[ $(grep CapPrm "/proc/${pid_of[A]}/status") == *0000000000003000 ]] || fail "$(grep Cap "/proc/${pid_of[A]}/status")"

step "a hook is another user, who reaches nothing of it"
for ((i = 0; i < 300; i++)); do [[ ! -e $lab/hooked/done.config_applied ]] || break; sleep 0.05; done
said=$lab/hooked/said.config_applied
[[ $(head -n 2 "$said") == $'4712\n4712' ]] || fail "it is $(cat "$said")"
! grep -E '^Cap(Inh|Prm|Eff|Amb)' "$said" | grep -v '0000000000000000$' || fail "it has rights"
grep -q 'NoNewPrivs:.1' "$said"
[[ ! -s $lab/hooked/key && ! -s $lab/hooked/socket ]] || fail "it has the key or the socket"
status A 'status["node"]["events"] > 0' >/dev/null
stop A
