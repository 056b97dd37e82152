# Tests what each driver of a kernel interface must do, over one veth link and without the rest of WARP.
# ports_af_packet.sh and ports_af_xdp.sh set `driver` and run this file.
#
#   A l0 ==== l0 B      10.0.0.1, 10.0.0.2, fd00::1, fd00::2
probe=$warp_build/tests/dataplane/lcore/port_probe

link() {  # link MTU
  ip -n A link del l0 2>/dev/null || true
  ip -n A link add l0 mtu "$1" type veth peer name l0 mtu "$1" netns B
  local site
  for site in A B; do
    ip -n $site link set l0 up
    ip -n $site address add 10.0.0.$(number_of $site)/24 dev l0
    ip -n $site address add fd00::$(number_of $site)/64 dev l0 nodad
  done
}

# opened FILE: waits until the probe that writes to this file has opened its port.
opened() {
  for ((i = 0; i < 200; i++)); do
    grep -q ready "$1" 2>/dev/null && return
    sleep 0.05
  done
  fail "the port does not open: $(cat "$1")"
}
# receiver COUNT ARGUMENTS…: starts a port at B that counts frames. Returns when the port is open.
receiver() {
  rm -f "$lab/received"
  ip netns exec B "$probe" receive driver=$driver device=l0 idle_ms=2000 count="$@" >"$lab/received" 2>&1 &
  receiver_pid=$!
  opened "$lab/received"
}
# sender FROM TO ARGUMENTS…: starts a port at A that sends frames in the background. Returns when the port is open.
sender() {
  rm -f "$lab/sent"
  ip netns exec A "$probe" send driver=$driver device=l0 from=$1 to=$2 to_mac="$(on B cat /sys/class/net/l0/address)" "${@:3}" \
    >"$lab/sent" 2>&1 &
  sender_pid=$!
  opened "$lab/sent"
}
# received PATTERN: waits for the receiver. Its results must match, and it must have kept no buffer.
received() {
  wait $sender_pid
  wait $receiver_pid
  cat "$lab/sent" "$lab/received"
  grep -qE "received=$1" "$lab/received" || fail "not received=$1"
  grep -q leaked=0 "$lab/received" || fail "buffers are missing"
}

# carries_all MTU: expects that 5,000 frames as large as the MTU allows all arrive, over IPv4 and IPv6.
carries_all() {
  step "MTU $1: nothing is lost"
  link "$1"
  receiver 5000 mtu=$1
  sender 10.0.0.1 10.0.0.2 mtu=$1 size=$(($1 - 28)) count=5000 rate=5000
  received '5000 lost=0 duplicates=0 foreign=0 bad=0'
  receiver 5000 mtu=$1
  sender fd00::1 fd00::2 mtu=$1 size=$(($1 - 48)) count=5000 rate=5000
  received '5000 lost=0 duplicates=0 foreign=0 bad=0'
}

kernel_keeps_the_rest() {
  step "the kernel answers pings and gets its own datagrams while frames are received"
  receiver 15000
  sender 10.0.0.1 10.0.0.2 count=15000 rate=5000
  on A ping -c 10 -i 0.05 -W 1 -q 10.0.0.2 | grep -q ' 0% packet loss'
  on A ping -6 -c 10 -i 0.05 -W 1 -q fd00::2 | grep -q ' 0% packet loss'
  on B "$warp" gauge echo --listen 10.0.0.2:5000 >"$lab/echo.log" 2>&1 &
  listening B 5000
  on A "$warp" gauge tx --to 10.0.0.2:5000 --await-echo --seconds 1 --rate 500 --size 1000 --json >"$lab/gauge.json"
  nothing_lost
  received '15000 lost=0 duplicates=0 foreign=0 bad=0'
}

survives_down_and_up() {
  step "the interface of $1 goes down in mid-stream, and comes up"
  receiver 15000
  sender 10.0.0.1 10.0.0.2 count=15000 rate=5000 retry=0
  sleep 0.5
  ip -n $1 link set l0 down
  sleep 1
  ip -n $1 link set l0 up
  # Frames that waited meanwhile are late or lost, but those sent at the end have arrived.
  received '[0-9]+ lost=[1-9][0-9]* duplicates=0 foreign=0 bad=0 .*last=14999'
}

killed_and_started_again() {
  step "killed, and started again"
  receiver 20000
  kill -KILL $receiver_pid
  wait $receiver_pid 2>/dev/null || true
  receiver 1000
  sender 10.0.0.1 10.0.0.2 count=1000
  received '1000 lost=0'
  ! ip -n B link show l0 | grep xdp
}
