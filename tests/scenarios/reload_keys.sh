#!/bin/bash
# Keys change under 2,000 payloads a second, at one end first and at the other much later than a session lives: A's own,
# B's own (its peer learns first), both at once with the preshared key, and changes that are taken back. Nothing is lost,
# nothing is doubled, the map knows both names meanwhile and one afterwards, and no output has a secret. Then an end
# never learns, and is out when the time is over. The histories of both have followed them, and nothing stale is left.
#
#   A wan0, wan1 -- a0, a1 - M - b0, b1 -- wan0, wan1 B        (M is the map, too)
. "$(dirname "$0")/_init.sh"
# Sessions are of 6 s at most, and made anew each 2 s.
node_options='timers: {rekey_after: 2s, rekey_after_responder: 3s, session_lifetime: 6s}'
two_sites 2 2
echo_up

declare -A key_of=([A]=$(public_key A) [B]=$(public_key B))
reload() { timeout 30 "$warp" reload --socket "$lab/$1.sock" "${@:2}" >"$lab/out" 2>"$lab/err"; }
# new_key A NAME: makes another private key in that file, and notes it.
new_key() {
  (umask 077 && "$warp" keygen >"$lab/new.key")
  cat "$lab/new.key" >>"$lab/secrets"
  mv "$lab/new.key" "$lab/$2.key"
  key_of[$1]=$("$warp" pubkey <"$lab/$2.key")
}
# learns B A OLD: the file of B has A's present key in the place of the old one.
learns() { sed -i "s|$3|${key_of[$2]}|" "$lab/$1.yaml"; }
# settled A: it has its newest key and no other, and so has the session.
settled() {
  local peer=$([[ $1 == A ]] && echo B || echo A)
  status "$1" "(status['node']['public_key'] == '${key_of[$1]}' and status['node']['old_keys'] == []
    and status['peers'][0]['public_key'] == '${key_of[$peer]}' and status['peers'][0]['old_keys'] == []
    and status['peers'][0]['old_preshared_key_ends_in_s'] is None
    and status['peers'][0]['session']['own_key'] == '${key_of[$1]}'
    and status['peers'][0]['session']['peer_key'] == '${key_of[$peer]}')" "${2:-5}" >/dev/null || fail "$1 is not settled"
}
registrations() { "$warp" status --json --socket "$lab/M.sock" | sed 's|.*"registrations":\([0-9]*\).*|\1|'; }
registered() {
  for ((look = 0; look < ${2:-100}; look++)); do
    [[ $(registrations) == "$1" ]] && return
    sleep 0.1
  done
  fail "the map has $(registrations) registrations, not $1"
}
cat "$(key_file A)" "$(key_file B)" >"$lab/secrets"
registered 4
settled A
traffic 2000 400

step "A changes its key, in the same file; B learns much later"
old=${key_of[A]}
new_key A A
reload A
grep -qx "    private_key_file: that of $old -> that of ${key_of[A]}" "$lab/out" || fail "$(cat "$lab/out")"
status A "(status['node']['old_keys'][0]['public_key'] == '$old'
  and status['node']['old_keys'][0]['registered_at'] == ['$map_address']
  and 86000 < status['node']['old_keys'][0]['ends_in_s'] <= 86400)" 5 >/dev/null
registered 6
sleep 8
status A "status['peers'][0]['session']['own_key'] == '$old'" 5 >/dev/null
learns B A "$old"
reload B
grep -qx "    public_key: $old -> ${key_of[A]}" "$lab/out" || fail "$(cat "$lab/out")"
settled A
settled B

step "A learns B's key before B has it; B's is in another file then"
old=${key_of[B]}
new_key B B2
learns A B "$old"
reload A
status A "status['peers'][0]['old_keys'][0]['public_key'] == '$old'" 5 >/dev/null
sleep 8
cp "$lab/B.yaml" "$lab/before.yaml"
sed -i "s|private_key_file: .*|private_key_file: $lab/B2.key|" "$lab/B.yaml"
"$warp" diff "$lab/before.yaml" "$lab/B.yaml" | grep -qx "    private_key_file: that of $old -> that of ${key_of[B]}"
reload B
settled A
settled B

step "all keys change at once, at A first"
old_a=${key_of[A]} old_b=${key_of[B]}
new_key A A
new_key B B2
(umask 077 && "$warp" keygen >"$lab/psk")
cat "$lab/psk" >>"$lab/secrets"
for site in A B; do sed -i "s|^  - {name: [ab], |&preshared_key_file: $lab/psk, |" "$lab/$site.yaml"; done
learns A B "$old_b"
learns B A "$old_a"
reload A
sleep 8
reload B
settled A
settled B

step "a change that fails, and one that nobody confirms, are taken back wholly"
before=${key_of[A]}
cp -p "$lab/A.key" "$lab/before.key"
new_key A A
cp "$lab/A.yaml" "$lab/before.yaml"
sed -i 's|^ports:|&\n  - {name: wan9, interface: wan9}|' "$lab/A.yaml"
if reload A; then fail "not undone: $(cat "$lab/out")"; fi
cp "$lab/before.yaml" "$lab/A.yaml"
mistaken=${key_of[A]}
key_of[A]=$before
settled A
key_of[A]=$mistaken
reload A --confirm 8s
status A "status['node']['public_key'] == '$mistaken'" 1 >/dev/null
key_of[A]=$before
settled A 20
settled B
mv "$lab/before.key" "$lab/A.key"
# B had learnt it already, and forgets it again.
new_key A A3
sed -i "s|private_key_file: .*|private_key_file: $lab/A3.key|" "$lab/A.yaml"
learns B A "$before"
reload B
reload A --confirm 8s
settled B
sleep 16
status A "status['node']['public_key'] == '$before' and len(status['node']['old_keys']) == 1" 1 >/dev/null
sed -i "s|${key_of[A]}|$before|" "$lab/B.yaml"
key_of[A]=$before
reload B
settled A
settled B

step "nothing was lost, and nothing was told"
sed -i "s|private_key_file: .*|private_key_file: $lab/A.key|" "$lab/A.yaml"
carries 0 0
carries 1 1
traffic_end
nothing_lost
while read -r secret; do
  if grep -qF "$secret" "$lab"/*.log "$lab/out"; then fail "a secret is in an output"; fi
done <"$lab/secrets"

step "B never learns, and is out when the time is over"
sed -i "s|^node:|&\n  old_keys_for: 5s|" "$lab/A.yaml"
old=${key_of[A]}
new_key A A
reload A
status A "active() == 4 and status['node']['old_keys'][0]['ends_in_s'] < 5" 1 >/dev/null
status A "status['node']['old_keys'] == [] and active() == 0" 20 >/dev/null
status B "status['peers'][0]['state'] == 'connecting'" 10 >/dev/null
learns B A "$old"
reload B
wait_active A 4
settled A
settled B
# The map forgets a registration that was withdrawn when its lifetime is over.
registered 4 800
stop A && stop B

step "what is kept over restarts has followed each node, in the directory that both have"
for site in A B; do
  name=history-$(base64 -d <<<"${key_of[$site]}" | od -An -tx1 | tr -d ' \n' | command cut -c1-16)
  [[ -s $lab/state/$name ]] || fail "$site has no $name, but $(ls "$lab/state")"
done
[[ $(find "$lab/state" -name 'history-*' | wc -l) == 2 ]] || fail "stale: $(ls "$lab/state")"
