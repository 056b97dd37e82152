# What may happen to a link I of site A while a thread of its warpd stands still, for the fault laboratory: begin_WHAT I,
# and end_WHAT I, which makes it good. Sourced after _init.sh.

changes=0  # makes each address and size a new one

begin_deleted() { ip -n A link delete "wan$1"; }
end_deleted() { link A "$1"; }
begin_renamed() {
  ip -n A link set "wan$1" down
  ip -n A link set "wan$1" name "gone$1"
}
end_renamed() {
  ip -n A link set "gone$1" name "wan$1"
  ip -n A link set "wan$1" up
  routes A "$1"
}
begin_readdressed() { change_address "$1" 2 3; }
end_readdressed() { change_address "$1" 3 2; }
change_address() {
  ip -n A address del "10.1.$1.$2/24" dev "wan$1"
  ip -n A address add "10.1.$1.$3/24" dev "wan$1"
  routes A "$1"
}
# Beyond its size at the opening of the port it is opened anew.
begin_resized() { ip -n A link set "wan$1" mtu $((1500 + 5 * ++changes % 300)); }
end_resized() { ip -n A link set "wan$1" mtu 1500; }
begin_another_mac() {
  changes=$((changes + 1))
  ip -n A link set "wan$1" address "02:00:00:00:77:$(printf %02x $((changes % 256)))"
  ip -n M neigh flush dev "a$1"  # otherwise the router would use the old address
}
end_another_mac() { :; }
begin_down() { ip -n A link set "wan$1" down; }
end_down() {
  ip -n A link set "wan$1" up
  routes A "$1"
}
begin_cut() { cut "a$1"; }
end_cut() { restore "a$1"; }
begin_flapping() {
  local i
  for ((i = 0; i < 20; i++)); do
    cut "a$1"
    sleep 0.04
    restore "a$1"
    sleep 0.04
  done
}
end_flapping() { :; }
