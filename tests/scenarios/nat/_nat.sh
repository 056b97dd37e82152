# Links behind NATs of all kinds, for the scenarios of this room. To be sourced in place of ../_init.sh.
#
#     router; nat_site A cone open; nat_site B home     A's wan0 is behind a full cone, wan1 has no NAT; B's wan0 is at home
#     rebind a0                                         the NAT of that link forgets all, and has other outside ports then
#     new_address a0                                    it also gets another outside address
#     flush a0                                          it forgets all, and makes what it would have made before
#
# The box of link a0 is the namespace nat-a0, between the site's wan0 (inside, 192.168.<x>.2) and the router (outside, the
# address that the link has without a NAT). A carrier's box, cgn-a0, stands behind that of the home.
#
#   kind         mapping (RFC 4787)                filtering
#   open         none: there is no NAT
#   cone         endpoint-independent              endpoint-independent: a full cone
#   address      endpoint-independent              address-dependent: a restricted cone
#   port         endpoint-independent              address and port-dependent: a port-restricted cone
#   home         as `port`, and the inside port is kept: Linux's own, as in most homes
#   symmetric    address and port-dependent, at random; filtering as well
#   cgn          `home`, behind a carrier's `port` (RFC 6598)
#   cgn-symmetric  `home`, behind a carrier's `symmetric`
#   nat64        the link has IPv6 alone, and its network translates (RFC 6146; tayga), with the mappings of `home`
#   nat64-symmetric  the same, with those of `symmetric`
. "$(dirname "${BASH_SOURCE[0]}")/../_init.sh"
command -v conntrack >/dev/null || { echo "skipped: there is no conntrack"; exit 77; }

declare -A nat_of      # nat_of[a0]=nat-a0: the box that the router's link a0 leads to
declare -A kind_of     # kind_of[a0]=cone
declare -A inside_of   # inside_of[nat-a0]="192.168.10.2": the hosts behind a box
declare -A outside_of  # outside_of[nat-a0]=10.1.0.2
declare -A turn_of     # how often a box has got other ports

nat_site() {
  local site=$1 i
  shift
  namespace "$site"
  links_of[$site]=$#
  lab_families=4
  for ((i = 0; $# > 0; i++)); do
    nat_link "$site" $i "$1"
    shift
  done
}

nat_link() {
  local site=$1 i=$2 kind=$3 far=${1,}$2 n x
  n=$(number_of "$site")
  x=$((10 * n + i))
  kind_of[$far]=$kind
  case $kind in
    open) link "$site" "$i" ;;
    nat64*)
      nat64_box "nat-$far" "$site" "wan$i" $((10 + i)) "fd64:$x:" M "$far" $((n * 100 + i)) "10.$n.$i.2/24" "${kind#nat64}"
      nat_of[$far]=nat-$far
      ;;
    cgn*)
      box "nat-$far" "$site" "wan$i" $((10 + i)) "192.168.$x" "cgn-$far" in 20 "100.64.$x.2/24" home
      box_outside "cgn-$far" "100.64.$x" M "$far" $((n * 100 + i)) "10.$n.$i.2/24"
      local carriers=${kind#cgn}
      carriers=${carriers#-}
      rules "cgn-$far" "${carriers:-port}"
      nat_of[$far]=cgn-$far
      ;;
    *)
      box "nat-$far" "$site" "wan$i" $((10 + i)) "192.168.$x" M "$far" $((n * 100 + i)) "10.$n.$i.2/24" "$kind"
      nat_of[$far]=nat-$far
      ;;
  esac
}

# box NAME SITE INTERFACE INDEX INSIDE NAMESPACE INTERFACE INDEX OUTSIDE KIND: a NAT between a site and what is outside.
box() {
  local name=$1 site=$2 interface=$3 index=$4 inside=$5 kind=${10}
  namespace "$name"
  [[ $6 == M ]] || namespace "$6"
  veth "$site" "$interface" "$index" "$name" in 20
  ip -n "$site" address add "$inside.2/24" dev "$interface"
  ip -n "$site" route replace default via "$inside.1" dev "$interface" metric $((90 + index))
  box_outside "$name" "$inside" "$6" "$7" "$8" "$9"
  rules "$name" "$kind"
}

# The prefix of networks that translate, one of their own, since that of RFC 6052 leads to no private address.
nat64_prefix=fd64:64::/96

# nat64_box NAME SITE INTERFACE INDEX INSIDE NAMESPACE INTERFACE INDEX OUTSIDE [-KIND]: as a box, but with IPv6 alone inside.
# tayga gives the site's address an IPv4 address, which the box's rules translate as those of any other host.
nat64_box() {
  local name=$1 site=$2 interface=$3 inside=$5 kind=${10}
  command -v tayga >/dev/null || { echo "skipped: there is no tayga"; exit 77; }
  namespace "$name"
  veth "$site" "$interface" "$4" "$name" in 20
  ip -n "$site" address add "$inside:2/64" dev "$interface" nodad
  box_outside "$name" 192.168.255 "$6" "$7" "$8" "$9"
  ip -n "$name" -4 address flush dev in
  on "$name" sysctl -qw net.ipv6.conf.all.forwarding=1
  ip -n "$name" address add "$inside:1/64" dev in nodad
  ip -n "$site" route replace default via "$inside:1" dev "$interface" metric $((90 + $4))
  mkdir "$lab/$name.tayga"
  cat >"$lab/$name.conf" <<CONF
tun-device nat64
ipv4-addr 192.168.255.1
ipv6-addr $inside:64
prefix $nat64_prefix
map 192.168.255.2 $inside:2
map 192.168.255.3 $inside:c
data-dir $lab/$name.tayga
CONF
  ip -n "$name" tuntap add nat64 mode tun
  ip -n "$name" link set nat64 up
  ip -n "$name" route add 192.168.255.0/24 dev nat64
  ip -n "$name" route add "$nat64_prefix" dev nat64
  launch "$name-tayga" "$name" tayga --config "$lab/$name.conf" -d
  inside_of[$name]=192.168.255.2
  kind=${kind#-}
  rules "$name" "${kind:-home}"
  [[ ${port_options:-} == *nat64* ]] || port_options+=", nat64: \"$nat64_prefix\""
  watch_strays "$name" ip6
}

# clat SITE INTERFACE: the site behind a nat64 box has IPv4 by a translator of its own, as interface clat, and sends by it
# what has no better way.
clat() {
  local site=$1 interface=$2 inside
  inside=$(ip -n "$site" -6 -o address show dev "$interface" scope global | grep -o 'fd64:[0-9]*:')
  mkdir "$lab/$site.clat"
  cat >"$lab/$site.clat.conf" <<CONF
tun-device clat
ipv4-addr 192.0.0.2
ipv6-addr $inside:cc
prefix $nat64_prefix
map 192.0.0.1 $inside:c
data-dir $lab/$site.clat
CONF
  ip -n "$site" tuntap add clat mode tun
  ip -n "$site" link set clat up
  ip -n "$site" address add 192.0.0.1/32 dev clat
  ip -n "$site" route add default dev clat metric 90
  ip -n "$site" route add "$inside:c" dev clat
  # The host forwards between the two, and answers for the translator's address.
  on "$site" sysctl -qw net.ipv6.conf.all.forwarding=1 "net.ipv6.conf.$interface.proxy_ndp=1"
  ip -n "$site" neigh add proxy "$inside:c" dev "$interface"
  launch "$site-clat" "$site" tayga --config "$lab/$site.clat.conf" -d
}

# The outside of a box whose `in` exists. The far end gets .1 of the same network.
box_outside() {
  local name=$1 inside=$2 outside=${6%/*}
  on "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.{all,default,in}.send_redirects=0
  veth "$name" out 30 "$3" "$4" "$5"
  ip -n "$name" address replace "$inside.1/24" dev in
  ip -n "$name" address add "$6" dev out
  ip -n "$3" address add "${outside%.*}.1/24" dev "$4"
  ip -n "$name" route add default via "${outside%.*}.1"
  inside_of[$name]="$inside.2"
  outside_of[$name]=$outside
  turn_of[$name]=0
}

# roof KIND A B: one box, nat-h0, before wan0 of several sites, whose inside addresses are 192.168.50.2, .3 and so on. With
# `isolated` set, they reach the box alone, as guests of a wireless network do; with `hairpin`, the box turns what they send
# to its outside endpoints.
roof() {
  local kind=$1 name=nat-h0 host=2 hosts=() site
  shift
  namespace $name
  ip -n $name link add in type bridge
  # What the bridge itself passes on is none of the NAT's business.
  on $name sysctl -qw net.bridge.bridge-nf-call-iptables=0 2>/dev/null || true
  ip -n $name link set in up
  for site in "$@"; do
    namespace "$site"
    links_of[$site]=1
    lab_families=4
    veth "$site" wan0 10 $name "in-${site,}" $((20 + host))
    ip -n $name link set "in-${site,}" master in
    [[ -z ${isolated:-} ]] || on $name bridge link set dev "in-${site,}" isolated on
    ip -n "$site" address add 192.168.50.$host/24 dev wan0
    ip -n "$site" route replace default via 192.168.50.1 dev wan0 metric 100
    hosts+=(192.168.50.$host)
    host=$((host + 1))
  done
  box_outside $name 192.168.50 M h0 5000 10.50.0.2/24
  inside_of[$name]="${hosts[*]}"
  nat_of[h0]=$name
  rules $name "$kind"
}

# rules BOX KIND: the box's rules, which change by its maps alone afterwards.
rules() {
  local name=$1 kind=$2 translate="snat ip to ip saddr . udp sport map @outside" admit="" known=""
  case $kind in
    cone) admit='iifname "out" dnat ip to udp dport map @inside' ;;
    address) known="ip saddr @asked" ;;
    port) ;;
    home) translate=masquerade ;;
    symmetric) translate="masquerade fully-random" ;;
    *) fail "no kind of NAT: $kind" ;;
  esac
  [[ -z $known ]] || admit="iifname \"out\" $known dnat ip to udp dport map @inside"
  on "$name" nft -f - <<NFT
table ip nat {
  map outside { type ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map inside { type inet_service : ipv4_addr . inet_service; }
  set asked { type ipv4_addr; flags dynamic, timeout; timeout 120s; }
  chain prerouting {
    type nat hook prerouting priority dstnat
    $admit
    ${hairpin:+iifname \"in\" fib daddr type local dnat ip to udp dport map @inside}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname "out" $translate
    oifname "out" masquerade
    ${hairpin:+oifname \"in\" ct status dnat $translate}
  }
  # A NAT answers nothing that it does not know: a refusal would keep the mapping that asked for it.
  chain input {
    type filter hook input priority filter
    iifname "out" meta l4proto udp drop
  }
  chain forward {
    type filter hook forward priority filter
    oifname "out" update @asked { ip daddr }
    iifname "out" ct status dnat accept
    iifname "out" ct state new drop
  }
}
NFT
  map_ports "$name"
}

# Fills the maps: the inside endpoints, port 13116 of each host, have outside ports of this turn.
map_ports() {
  local name=$1 host port=$((20000 + 100 * turn_of[$1]))
  on "$name" nft flush map ip nat outside
  on "$name" nft flush map ip nat inside
  for host in ${inside_of[$name]}; do
    on "$name" nft -f - <<NFT
add element ip nat outside { $host . 13116 : ${outside_of[$name]} . $port }
add element ip nat inside { $port : $host . 13116 }
NFT
    port=$((port + 1))
  done
}

flush() { on "${nat_of[$1]}" conntrack -F 2>/dev/null; }
rebind() {
  local name=${nat_of[$1]}
  turn_of[$name]=$((turn_of[$name] + 1))
  map_ports "$name"
  on "$name" nft flush set ip nat asked
  flush "$1"
}
new_address() {
  local name=${nat_of[$1]} before=${outside_of[${nat_of[$1]}]}
  outside_of[$name]=${before%.*}.$(((${before##*.} + 5) % 240 + 2))
  ip -n "$name" address del "$before/24" dev out
  ip -n "$name" address add "${outside_of[$name]}/24" dev out
  ip -n "$name" route replace default via "${before%.*}.1"
  rebind "$1"
}

# relaying_map_up [TERMS]: as map_up, of a map that relays.
relaying_map_up() {
  {
    echo "private_key_file: $(key_file M)"
    echo "control_socket: $lab/M.sock"
    echo "relay: ${1:-true}"
  } >"$lab/M.yaml"
  launch M M "$warp_map" --config "$lab/M.yaml"
  ready M
}

# each_row ROW…: runs the scenario anew with the words of each row as its arguments, a few rows at a time, each in a
# laboratory of its own. Prints the line of each row that begins with "took", and everything of those that fail.
each_row() {
  local row i=0 failed=0 running=()
  for row in "$@"; do
    (
      bash "$0" $row >"$lab/row$i" 2>&1 || { cat "$lab/row$i" && exit 1; }
      printf '%-26s %s\n' "$row" "$(grep '^took' "$lab/row$i")"
    ) &
    running+=($!)
    i=$((i + 1))
    ((${#running[@]} < 4)) || { wait "${running[0]}" || failed=$((failed + 1)) && running=("${running[@]:1}"); }
  done
  for row in "${running[@]}"; do wait "$row" || failed=$((failed + 1)); done
  ((failed == 0)) || fail "$failed rows failed"
}

# --- What is asked of them ------------------------------------------------------------------------------------------------

# What the project promises, in seconds: tunnels are up, and up again after a rebind. On a machine that does other things
# as well, three times as long is waited for; what it was is printed.
promised=2
patience=$((3 * promised))

# pairs A B: the ways of payloads between two sites, for `arrivals`: each of a site's ports, and what addresses of the
# other's lead there.
pairs() {
  local i k site other
  for way in "$1 $2" "$2 $1"; do
    read -r site other <<<"$way"
    for ((i = 0; i < links_of[$site]; i++)); do
      for ((k = 0; k < links_of[$other]; k++)); do echo "$site/wan$i/10.$(number_of "$other").$k."; done
    done
  done
}
# arrive [SECONDS]: waits until payloads have come over each of these ways from now on, and prints how long that took. The
# ways are read from standard input.
arrive() { $lab_python "$(dirname "${BASH_SOURCE[0]}")/arrivals.py" "$lab" "${1:-$patience}"; }

# elapsed MICROSECONDS: prints the seconds since then, which was ${EPOCHREALTIME/./}.
elapsed() {
  local tenths=$(((${EPOCHREALTIME/./} - $1) / 100000))
  echo "$((tenths / 10)).$((tenths % 10))"
}

# watch_strays [BOX ip6]: the router, or by IPv6 a box that translates, sees each path end to end. It counts, as a payload
# that went astray, any packet of that size to an endpoint to which no probe has gone, or from which nothing has come: the
# answer itself may have come another way.
watched=()
watch_strays() {
  local box=${1:-M} family=${2:-ip}
  local type=ipv4_addr
  [[ $family == ip ]] || type=ipv6_addr
  watched+=("$box")
  on "$box" nft -f - <<NFT
table inet strays {
  set asked { type $type . inet_service; flags dynamic; size 65535; }
  set heard { type $type . inet_service; flags dynamic; size 65535; }
  counter strays {}
  chain forward {
    type filter hook forward priority -10
    meta l4proto udp update @heard { $family saddr . udp sport }
    meta l4proto udp meta length < 900 update @asked { $family daddr . udp dport }
    meta length 900-1099 $family daddr . udp dport != @heard counter name "strays"
    meta length 900-1099 $family daddr . udp dport != @asked counter name "strays"
  }
}
NFT
}
# watch_hairpins BOX PREFIX: the same of what hosts behind one box send each other by its outside, at addresses that begin
# with PREFIX: the box turns that round, so that the router sees it only when the box has moved to another address.
watch_hairpins() {
  local box=$1 outside=${2}0/24
  watched+=("$box")
  on "$box" nft -f - <<NFT
table inet strays {
  set asked { type ipv4_addr . inet_service; flags dynamic; size 65535; }
  set heard { type ipv4_addr . inet_service; flags dynamic; size 65535; }
  counter strays {}
  chain sent {
    type filter hook prerouting priority -300
    iifname != "in" accept
    ip daddr != $outside accept
    meta l4proto udp meta length < 900 update @asked { ip daddr . udp dport }
    meta length 900-1099 ip daddr . udp dport != @heard counter name "strays"
    meta length 900-1099 ip daddr . udp dport != @asked counter name "strays"
  }
  chain turned {
    type filter hook postrouting priority 200
    oifname "in" ip saddr $outside meta l4proto udp update @heard { ip saddr . udp sport }
  }
}
NFT
  on M nft insert rule inet strays forward iifname h0 ip daddr "$outside" accept
}
no_strays() {
  local counted box
  for box in "${watched[@]}"; do
    counted=$(on "$box" nft list counter inet strays strays | grep packets)
    [[ $counted == *"packets 0 "* ]] || fail "payloads went where nothing had answered: $box: $counted"
  done
}

# --- What rows of scenarios do. ---

# both_up [SECONDS]: starts A and B, and traffic between them, until each pair of their links carries. `took` tells how long
# that was.
both_up() {
  node_up A
  node_up B
  local begun=${EPOCHREALTIME/./}
  echo_up
  status A 'active() > 0' >/dev/null
  traffic 500 1000
  pairs A B | arrive "$@" >/dev/null
  took="up $(elapsed "$begun")"
}
# cut_and_rebind LINK: both links of A go dark in turn, and the NAT before this one forgets all, gets other ports, and
# another address. Nothing is lost by that, and all pairs carry again each time. Ends the traffic.
cut_and_rebind() {
  local far what
  for far in a0 a1; do
    black_hole $far
    sleep 1
    lift_black_hole $far
    took+=" cut $far $(pairs A B | arrive)"
  done
  for what in flush rebind new_address; do
    $what "$1"
    took+=" $what $(pairs A B | arrive)" || fail "after $what: $took"
  done
  traffic_end
  echo "took $took"
  nothing_lost
  no_strays
}
