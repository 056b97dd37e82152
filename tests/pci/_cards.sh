# The verbs of a story with PCI cards, in addition to those of a story with a guest (tests/guest/_guest.sh). Site A is
# the guest: Debian's kernel, and of this tree warpd and warp. Its three cards are of three kinds, and lead to the site
# B, a network namespace, through TAP interfaces:
#
#     0000:01:00.0 e1000e      wan0 of A ── TAP ── wan0 of B
#     0000:02:00.0 virtio      wan1 of A ── TAP ── wan1 of B
#     0000:03:00.0 vmxnet3     wan2 of A ── TAP ── wan2 of B
#
# At 0000:00:08.0 is a card (rtl8139) that DPDK has no driver for. B drives its TAPs by af_packet; those of A that have
# the same names are the companions of its ports.
[[ -c /dev/net/tun ]] || {
  echo "skipped: there is no /dev/net/tun" >&2
  exit 77
}
. "$(dirname "${BASH_SOURCE[0]}")/../guest/_guest.sh"

cards=(0000:01:00.0 0000:02:00.0 0000:03:00.0)
models=(e1000e virtio-net-pci,disable-legacy=on,iommu_platform=on vmxnet3)

# Makes the namespace of B and the configurations of both, in which the ports of A are cards.
sites() {
  local i
  lab_families=4
  links_of[A]=${#cards[@]} links_of[B]=${#cards[@]}
  # A payload may wait for a guest that has no CPU for a moment.
  with_map=no with_endpoints=yes node_options="max_ports: 4" tunnel_options="deadline: 20s"
  namespace B
  for i in "${!cards[@]}"; do
    ip -n B tuntap add "wan$i" mode tap
    ip -n B link set "wan$i" up
    ip -n B address add "10.2.$i.2/24" dev "wan$i"
    ip -n B route add "10.1.$i.0/24" dev "wan$i"
  done
  node_config A B
  node_config B A
  for i in "${!cards[@]}"; do
    sed -i "s/interface: wan$i}/pci: \"${cards[i]}\", kernel_interface: wan$i}/" "$lab/A.yaml"
  done
}

# card 0: prints the card's description for QEMU. card_out 0, card_in 0: pulls it out, puts one like it in.
card() { echo "${models[$1]},id=card$1,netdev=net$1,bus=slot$1,mac=52:54:00:00:00:0$1,romfile="; }
card_out() { monitor "device_del card$1"; }
card_in() {
  # QEMU may still be about to forget the one that was there, after the guest has let go of it.
  for ((i = 0; i < 50; i++)); do ! monitor "device_add $(card "$1")" >"$lab/monitor.log" || return 0; sleep 0.1; done
  fail "$(cat "$lab/monitor.log")"
}

# goes 0: pulls the card out. Its port closes, and nothing else does. returns 0 DRIVER: puts it in again and binds it; its
# port comes back by itself.
goes() {
  local port="status['ports'][$1]" begin
  begin=$(uptime)
  card_out "$1"
  guest_status "$port['state'] == 'missing' and active() == 2" >/dev/null
  [[ $(guest "cat /sys/class/net/wan$1/carrier") == 0 ]] || fail "its companion still has a carrier"
  # The kernel has finished the removal, for which vfio waits until DPDK's driver has let go of the card.
  guest_status "'${cards[$1]}: no such device' in $port['reason']" >/dev/null
  step "wan$1: the card is out after $(since "$begin")"
}
returns() {
  local port="status['ports'][$1]"
  card_in "$1"
  guest_status "'is bound to no driver' in $port['reason']" >/dev/null
  guest "bind_nic $2 ${cards[$1]}"
  guest_status "$port['state'] == 'up' and active() == 3" >/dev/null
}

# guest_up KERNEL_OPTION… -- OPTION_OF_QEMU…: boots the guest with its cards and their companions.
guest_up() {
  local kernel_options=() i options=(-m 1024 -device "rtl8139,addr=8,romfile=")
  while [[ $1 != -- ]]; do kernel_options+=("$1") && shift; done
  shift
  $lab_python "$guest_room/initrd.py" "$lab/initrd" "$fetched" "$warp_build" "$lab"/A.{yaml,key} \
    --modules tun,vfio_iommu_type1,vfio_pci,uio_pci_generic
  # Each card sits behind a port of its own, without which it could not be pulled out.
  for i in "${!cards[@]}"; do
    options+=(-device "pcie-root-port,id=slot$i,chassis=$((i + 1)),slot=$((i + 1)),addr=$((16 + i))"
      -netdev "tap,id=net$i,ifname=wan$i,script=no,downscript=no"
      -device "$(card $i)")
  done
  # The other side has to keep pace with a guest that needs all of this machine.
  guest_boot hugepages=200 "${kernel_options[@]}" -- ip netns exec B nice -n 5 -- "$@" "${options[@]}"
  # The companions exist beforehand, so that they keep their addresses while warpd does not run.
  for i in "${!cards[@]}"; do
    # By its path: busybox's own has no tuntap.
    guest "/usr/bin/ip tuntap add wan$i mode tap && ip link set wan$i up && ip address add 10.1.$i.2/24 dev wan$i &&
      ip route add 10.2.$i.0/24 dev wan$i"
  done
}

# says PATTERN PORT: warpd in the guest does not start with this port (its line in the configuration), and says in one
# sentence why.
says() {
  local pattern=$1 port=$2
  guest "sed -e '/ pci:/d' -e 's|^ports:|&\n  - $port|' /run/lab/A.yaml >/run/lab/wrong.yaml"
  guest "warpd --config /run/lab/wrong.yaml; test \$? = 1" >"$lab/said" || fail "no error: $(cat "$lab/said")"
  cat "$lab/said"
  [[ $(wc -l <"$lab/said") == 1 ]] || fail "not one line"
  grep -qE "$pattern" "$lab/said" || fail "does not say /$pattern/"
}

# all_carry: waits until payloads have come over every path that is active.
all_carry() {
  guest_status "all(path['first'] + path['duplicates'] > 40 for path in paths() if path['state'] == 'active')" >/dev/null
}

# cable 0 on|off: plugs the cable of a card, and waits for both its port and its companion to follow. It prints how soon
# the companion did by the clock of the guest. That must be within 100 ms, for which nobody can ask a guest that has no
# CPU: there it is the time of ten looks, after each of which a program sleeps for 10 ms.
cable() {
  local port=wan$1 up=0 before after carrier looks look late=0
  [[ $2 == off ]] || up=1
  guest "rm -f /run/lab/carrier; watch_carrier $port $up /run/lab/carrier &"
  read -r before after < <($lab_python "$guest_room/console.py" cable "$lab" "card$1" "$2")
  read -r carrier looks < <(guest 'await_file /run/lab/carrier')
  for look in $looks; do ((look <= after)) || ((late += 1)); done
  guest_status "status['ports'][$1]['state'] == '$([[ $2 == on ]] && echo up || echo down)'" >/dev/null
  step "$port: cable $2; carrier $2 after $(((carrier - after) * 10)) to $(((carrier - before) * 10)) ms, $late looks"
  # The emulated e1000e negotiates for half a second before it has a link again.
  [[ ${models[$1]} == e1000e && $2 == on ]] || ((carrier - after <= 10 || late <= 10)) || fail "later than 100 ms"
}
