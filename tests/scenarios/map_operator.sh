#!/bin/bash
# The operator of a map looks through its nodes, forgets one, and says by its file who may register, while A and B send
# 500 payloads a second to each other and lose none. C is a stranger, who may come, and has to go again.
#
#   A wan0, wan1 -- a0, a1 - M - b0 -- wan0 B
#                            '- c0 -- wan0 C
. "$(dirname "$0")/_init.sh"
# map_file LINE…: the map's file from now on, replaced as a whole.
map_file() {
  printf '%s\n' "private_key_file: $(key_file M)" "control_socket: $lab/M.sock" "$@" >"$lab/new"
  mv "$lab/new" "$lab/M.yaml"
}
map_up() {
  map_file
  launch M M "$warp_map" --config "$lab/M.yaml"
  ready M
}
map() { timeout 60 "$warp" map "$@" --socket "$lab/M.sock"; }
reload() { timeout 60 "$warp" reload --socket "$lab/M.sock" "$@" >"$lab/out" 2>"$lab/err"; }
# refused PATTERN LINE…: with these lines the reload fails and says so, and the map is as it was.
refused() {
  local pattern=$1
  shift
  map_file "$@"
  if reload; then fail "not refused: $(cat "$lab/out")"; fi
  grep -qE "$pattern" "$lab/err" || fail "does not say /$pattern/: $(cat "$lab/err")"
}
holds() { status M "$1" "${2:-15}" >/dev/null; }
registrations() { holds "status['map']['registrations'] == $1 and status['map']['sessions'] == $2" "${3:-20}"; }

two_sites 2 1
site C 1 4
key_a=$(public_key A) key_b=$(public_key B) key_c=$(public_key C)
node_config C A
echo_up
traffic 500 300
registrations 3 2

step "who is there"
[[ $(map list | wc -l) == 3 && $(map list --json | wc -l) == 2 && $(map list --limit 1 --json | wc -l) == 1 ]]
map list --prefix "${key_a:0:12}" --json >"$lab/out"
expect_json "$lab/out" "key == '$key_a' and session == 'confirmed' and ports == 2 and allowed == 1"
map list | grep -F "$key_b" | grep -qE "= +confirmed +[0-9]+s +1 +1 +[0-9]+s +10.2.0.2:13116$"
map show "$key_a" | grep -qE "^ +1 +live +10.1.1.2:13116 +[0-9]+s +[0-9]+s"
rejects M 'neither a session nor a registration' "$warp" map show "$key_c" --socket "$lab/M.sock"
for key in nonsense "${key_a}x" "$(printf '\001"')" "x x"; do
  rejects M '44 characters|a space' "$warp" map show "$key" --socket "$lab/M.sock"
done

step "one is forgotten by who may, and comes back"
chgrp 65534 "$lab/M.sock" && chmod 755 "$lab"
rejects M 'only root and the user that warp-map runs as' setpriv --reuid 65534 --regid 65534 --clear-groups \
  "$warp" map forget "$key_b" --socket "$lab/M.sock"
rejects M 'only root and the user that warp-map runs as' setpriv --reuid 65534 --regid 65534 --clear-groups \
  "$warp" reload --socket "$lab/M.sock"
map forget "$key_b" | grep -qx "forgotten: 1 sessions and 1 registrations of $key_b"
holds "status['map']['forgotten'] == 1"
registrations 3 2

step "whoever does not read keeps nobody from asking"
$lab_python - "$lab/M.sock" <<'PYTHON' &
import socket, sys, time
held = [socket.socket(socket.AF_UNIX) for _ in range(60)]
for one in held:
    one.setblocking(False)
    try:
        one.connect(sys.argv[1])
        one.send(b"map list\n")
    except OSError:
        pass
time.sleep(600)
PYTHON
for _ in 1 2 3; do [[ $(map list --json | wc -l) == 2 ]]; done

step "only listed keys may register"
printf '# nodes\n%s  # a\n\n%s\n' "$key_a" "$key_b" >"$lab/allow"
map_file 'allow_keys_file: allow'
reload
grep -q 'allow_keys: every key -> 2 keys' "$lab/out"
node_up C
holds "status['drops'].get('unknown_peer', 0) > 1 and status['map']['allowed_keys'] == 2"
registrations 3 2 1
map_file 'allow_keys_file: allow' "allow_keys: [\"$key_c\"]"
"$warp" diff "$lab/M.yaml" "$lab/M.yaml" | grep -qx 'nothing differs'
reload
grep -qx "    allow_keys: nothing -> $key_c" "$lab/out"
registrations 4 3
map_file 'allow_keys_file: allow'
kill -HUP "${pid_of[M]}"
registrations 3 2
rejects M 'neither a session nor a registration' "$warp" map show "$key_c" --socket "$lab/M.sock"

step "mistakes change nothing"
as_before="status['map']['allowed_keys'] == 2 and status['map']['lifetime_s'] == 60"
refused "M.yaml:3: allow_keys_file: .*/gone cannot be read" 'allow_keys_file: gone'
refused 'M.yaml:3: allow_keys\[0\]: "nonsense" is not a public key' 'allow_keys: [nonsense]'
printf '%s\n%s\n' "$key_a" "${key_b:0:20}" >"$lab/half"
refused 'M.yaml:3: allow_keys_file: .*/half:2: .* is not a public key' 'allow_keys_file: half'
: >"$lab/empty"
refused 'has no key' 'allow_keys_file: empty'
refused 'M.yaml:4: lifetime: ' 'allow_keys_file: allow' 'lifetime: 0s'
refused 'M.yaml:4: max_registrations: 1000000 -> 7 needs a restart, because .*: restart warp-map' \
  'allow_keys_file: allow' 'max_registrations: 7'
refused 'cannot listen on 192.0.2.9:13116' 'allow_keys_file: allow' 'listen: ["0.0.0.0:13116", "[::]:13116", "192.0.2.9:13116"]'
refused 'cannot listen on 10.99.0.1:13116' 'allow_keys_file: allow' 'listen: ["10.99.0.1:13116"]'
holds "$as_before and len(status['map']['listen']) == 2"

step "the lifetime and an address more, and less again"
map_file 'allow_keys_file: allow' 'lifetime: 30s' 'listen: ["0.0.0.0:13116", "[::]:13116", "127.0.0.1:13117"]'
reload --confirm 1s
holds "status['map']['lifetime_s'] == 30 and len(status['map']['listen']) == 3"
holds "$as_before and len(status['map']['listen']) == 2"
reload
holds "status['map']['lifetime_s'] == 30 and '127.0.0.1:13117' in status['map']['listen']"
registrations 3 2

step "a million keys"
memory() { awk '/^VmRSS/ {print $2}' "/proc/${pid_of[M]}/status"; }
before=$(memory)
{
  cat "$lab/allow"
  $lab_python -c '
import base64
for i in range(1, 10**6): print(base64.b64encode(i.to_bytes(32, "little")).decode(), "# node", i)'
} >"$lab/many"
map_file 'allow_keys_file: many'
reload
grep -q 'allow_keys: 2 keys -> 1000001 keys' "$lab/out"
# 32 MB for them; the thread that read them had as much at hand.
(($(memory) - before < 150000)) || fail "$(memory) KiB after $before"
map_file 'allow_keys_file: allow'
reload
registrations 3 2 5
traffic_end
nothing_lost
