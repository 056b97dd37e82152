#!/bin/bash
# A link goes and comes back: the log, `warp watch` and a hook hear of it, `warp status` says what is wrong and what to
# do, the link gets a verdict, and its history goes on over a restart.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
. "$(dirname "$0")/_init.sh"
mkdir -m 777 "$lab/hooked"
cat >"$lab/hook" <<END
#!/bin/sh
echo "\$WARP_EVENT \$WARP_PORT" >>$lab/hooked/events
grep NoNewPrivs /proc/self/status >$lab/hooked/rights
END
chmod 755 "$lab/hook" "$lab"
node_options="on_event: [$lab/hook]" two_sites 2 1
echo_up
# within SECONDS PATTERN FILE: it has such a line.
within() { for ((i = 0; i < 20 * $1; i++)); do ! grep -qsE "$2" "$3" || return 0; sleep 0.05; done; fail "no '$2' in $3: $(cat "$3")"; }

step "a link dies"
"$warp" watch --json --socket "$lab/A.sock" >"$lab/watched" &
watcher=$!
"$warp" watch --past 1 --count 1 --socket "$lab/A.sock" | grep -qE '\[[a-z_]+\]$'
traffic 500 200
sleep 2
black_hole a1
within 10 '"event":"path_down".*"port":"wan1"' "$lab/watched"
within 10 '\[path_down\]$' "$lab/A.log"
within 10 '^path_down wan1$' "$lab/hooked/events"
within 5 'NoNewPrivs:.1' "$lab/hooked/rights"
"$warp" status --socket "$lab/A.sock" >"$lab/shown"
within 1 '^It works, but link wan1 does not reach peer b\. 1 of 2 links carries payloads to b\.$' "$lab/shown"
within 1 '  Link wan1 does not reach peer b, for [0-9]+s: ' "$lab/shown"
within 1 '`ping -I wan1 10.2.0.2`' "$lab/shown"

step "what nobody else brings is counted"
status A 'next(l for l in status["peers"][0]["links"] if l["port"] == "wan0")["sole"] > 0' 40 >/dev/null
lift_black_hole a1
within 20 '"event":"path_up".*"port":"wan1"' "$lab/watched"
traffic_end
nothing_lost

step "the history goes on over a restart"
first() { "$warp" history --by month wan0 --json --socket "$lab/A.sock" | python3 -c 'import json, sys; print(json.load(sys.stdin)["history"][0]["records"][-1]["first"])'; }
sleep 6
before=$(first)
((before > 0)) || fail "nothing came by wan0"
stop A
kill -0 $watcher 2>/dev/null && fail "warp watch outlives the daemon"
node_up A
((before <= $(first))) || fail "the history forgot: $before, then $(first)"
"$warp" history --by minute --socket "$lab/A.sock" | grep -qE ' wan0 '
rejects A 'there is no history of a port "wan7"' "$warp" history wan7 --socket "$lab/A.sock"

step "half of its file is no history"
stop A
truncate -s 100 "$lab"/state/history-*
node_up A
grep -q 'is cut off or damaged: the history of the links begins anew' "$lab/A.log"
