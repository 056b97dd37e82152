#!/bin/bash
# Nobody reads A's log any more, and a hook tries everything: payloads, the control socket and the events do not notice,
# and nothing of the hook is left. When somebody reads again, the log says how much is missing.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
mkdir -m 777 "$lab/hooked"
chmod 755 "$lab"
cat >"$lab/hook" <<END
#!/bin/sh
trap '' TERM HUP
(setsid sh -c 'exec sleep 4711.5' &)
cat $lab/A.key >$lab/hooked/key
echo "\$WARP_EVENT" >>$lab/hooked/events
yes 'a line of the hook' >&2
END
chmod 755 "$lab/hook"
router
site A 2 4
site B 1 4
map_up
node_options=$'on_event: ['"$lab/hook"$']\non_event_timeout: 200ms' node_config A B
node_config B A
mkfifo "$lab/log"
exec 8<>"$lab/log"
ip netns exec A "$warpd" --config "$lab/A.yaml" 2>"$lab/log" &
pid_of[A]=$!
node_up B
wait_active A 2 && wait_active B 2
echo_up

step "the log is full"
timeout 1 dd if=/dev/zero of="$lab/log" bs=4096 count=1000 2>/dev/null || true
traffic 500 200
for i in 1 2 3; do
  black_hole a1
  status A 'active() == 1' >/dev/null
  lift_black_hole a1
  wait_active A 2
done
status A 'status["node"]["events"] > 5' >/dev/null
traffic_end
nothing_lost

step "somebody reads it again"
cat <&8 | tr -d '\0' >"$lab/A.log" &
black_hole a1
status A 'active() == 1' >/dev/null
for ((i = 0; i < 200; i++)); do ! grep -q 'lines are missing here' "$lab/A.log" || break; sleep 0.05; done
grep -qE '^\([0-9]+ lines are missing here, because nobody read them\)$' "$lab/A.log"

step "of the hook there is nothing"
stop A
for ((i = 0; i < 200; i++)); do grep -qs 4711.5 /proc/[0-9]*/cmdline || break; sleep 0.05; done
! grep -qs 4711.5 /proc/[0-9]*/cmdline
grep -q path_down "$lab/hooked/events"
[[ ! -s $lab/hooked/key ]]
