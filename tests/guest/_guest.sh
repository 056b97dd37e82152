# The verbs of a story with a machine that QEMU makes, in addition to those of a scenario (tests/scenarios/_init.sh).
# Debian's own kernel boots there, with what tests/guest/initrd.py puts together. Without KVM the guest is slow, but its
# clock goes as ours.
guest_room=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")")
fetched=${WARP_BUILD:-$guest_room/../../build}/guest

skip() {
  echo "skipped: $*" >&2
  exit 77
}
command -v qemu-system-x86_64 >/dev/null || skip "there is no qemu-system-x86_64: sudo tools/test --suite guest installs it"
[[ -e $fetched/complete ]] || skip "there is no $fetched: sudo tools/test --suite guest downloads Debian's kernel to it"
. "$guest_room/../scenarios/_init.sh"
trap guest_end EXIT

guest_end() {
  local status=$?
  trap - ERR
  set +e
  if ((status != 0)) && kill -0 "${pid_of[guest]:-0}" 2>/dev/null; then guest_failed; fi
  (exit "$status")
  scenario_end
}
# What is said of the guest when the story fails.
guest_failed() {
  tail -n 20 "$lab/guest.log"
  guest 'for log in /run/lab/*.log; do echo "--- $log, in the guest: its end"; tail -n 20 "$log"; done
    for socket in /run/lab/*.sock; do echo "--- $socket"; warp status --details --socket "$socket"; done'
}

# guest COMMAND: runs it in the guest: prints what it prints, and has its exit status.
guest() { $lab_python "$guest_room/console.py" run "$lab" "$*"; }
# guest_status EXPRESSION [SECONDS [NODE]]: as `status`, of a node in the guest (A).
guest_status() { $lab_python "$guest_room/console.py" status "$lab" "${3:-A}" "$1" "${2:-60}"; }
# monitor 'device_del card0': a command for QEMU's monitor, which must have nothing to say.
monitor() { $lab_python "$guest_room/console.py" monitor "$lab" "$1"; }

# The application: as `traffic` and `traffic_end`, from A in the guest to B and back. The rate is one that a guest without
# KVM carries many times over, as it may have a tenth of this machine, and an echo may take as long as it likes.
# guest_traffic [NAMESPACE]: which A is in, if the guest has several.
guest_traffic() {
  guest "${1:+/usr/bin/ip netns exec $1} warp gauge tx --to 127.0.0.1:9000 --await-echo --seconds 0 --rate 20 --size 600 \
    --drain 30 --json >/run/lab/gauge.json 2>/run/lab/gauge.log & echo \$! >/run/lab/gauge.pid"
}
guest_traffic_end() {
  guest 'kill -TERM $(cat /run/lab/gauge.pid); wait $(cat /run/lab/gauge.pid); cat /run/lab/gauge.json' >"$lab/gauge.json"
  cat "$lab/gauge.json"
}

# uptime: the clock of the guest, in seconds.
uptime() { guest "cut -d ' ' -f 1 /proc/uptime"; }
# since 12.34: the seconds by the clock of the guest.
since() { awk "BEGIN { printf \"%.2f s\", $(uptime) - $1 }"; }

# guest_boot KERNEL_OPTION… -- COMMAND… -- OPTION_OF_QEMU…: boots the guest with $lab/initrd, and returns when its shell
# answers. The command (such as `nice`), if there is one, runs QEMU.
guest_boot() {
  local kernel_options= command=() i
  while [[ $1 != -- ]]; do kernel_options+=" $1" && shift; done
  shift
  while [[ $1 != -- ]]; do command+=("$1") && shift; done
  shift
  # Not by KVM: there are machines, virtual ones themselves, on which it ends at once, or stands still in the kernel.
  "${command[@]}" qemu-system-x86_64 "$@" -accel tcg -cpu max -smp 2 -nodefaults -display none -no-reboot \
    -kernel "$fetched/vmlinuz" -initrd "$lab/initrd" \
    -append "console=ttyS0 panic=-1 quiet no_timer_check$kernel_options" \
    -serial "file:$lab/guest.log" -serial "unix:$lab/guest.sock,server=on,wait=off" \
    -qmp "unix:$lab/qmp.sock,server=on,wait=off" >"$lab/qemu.log" 2>&1 &
  pid_of[guest]=$! pid_of[qemu]=$!
  for ((i = 0; ; i++)); do
    ! grep -qs 'guest: ready' "$lab/guest.log" || break
    kill -0 "${pid_of[guest]}" 2>/dev/null && ((i < 1200)) || fail "the guest did not start: $(cat "$lab/qemu.log")"
    sleep 0.1
  done
  guest 'head -n 1 /proc/version'
}
