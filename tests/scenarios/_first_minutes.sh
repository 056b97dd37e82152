# A new user's first minutes: "Two hosts in five minutes" of README.md, typed as it stands there. Whoever sources this has
# the hosts A (eth0 and usb0), B and M (map.example.net), and `typed HOST`, root's shell there.

# rename A 0 eth0: gives that interface the name that a document uses.
rename() {
  ip -n "$1" link set "wan$2" down
  ip -n "$1" link set "wan$2" name "$3"
  ip -n "$1" link set "$3" up
  ip -n "$1" -4 route replace default via "10.$(number_of "$1").$2.1" dev "$3" metric $((100 + $2))
}

# Two sites, of which A's interfaces have the names of README.md, and the router between them.
first_sites() {
  router
  site A 2 4
  site B 1 4
  rename A 0 eth0
  rename A 1 usb0
}

# readme NAME: prints that block of README.md, with the keys in it that the hosts have shown ($key_A).
readme() {
  local text key variable
  text=$(example README.md "$1")
  [[ -n $text ]] || fail "README.md has no block $1"
  for key in "A:A's" "B:B's" "M:the map's"; do
    variable=key_${key%%:*}
    text=${text//"<${key#*:} public key>"/${!variable:-}}
  done
  echo "$text"
}
# The key that `warp init` shows.
shown_key() { sed -n 's/^public key: //p'; }

first_minutes() {
  local begun=$SECONDS host
  step "keys"
  key_A=$(readme keys | typed A | shown_key)
  key_B=$(readme keys | typed B | shown_key)
  step "the map"
  key_M=$(readme map | typed M | grep -x '[A-Za-z0-9+/]\{43\}=')
  step "the nodes"
  for host in A B; do readme "node $host" | typed $host >/dev/null; done
  for host in A B; do
    readme start | typed $host >"$lab/out" || { cat "$lab/out"; fail "$host does not start"; }
    grep -q 'nothing is wrong' "$lab/out" || fail "$(cat "$lab/out")"
  done
  step "they are used"
  readme use | sed -n 's/^B\$ /exec /p' | typed B >"$lab/echo.log" 2>&1 &
  listening B 9001
  readme use | sed -n 's/^A\$ //p' | typed A >"$lab/out"
  cat "$lab/out"
  grep -qxE 'lost +0' "$lab/out"
  grep -q '^It works\. ' "$lab/out" || fail "warp status does not say that it works"
  step "all this took $((SECONDS - begun)) s of five minutes"
}
