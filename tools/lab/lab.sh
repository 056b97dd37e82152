# A laboratory for whole WARP processes: network namespaces A, B, … (sites) and M (a router with the map on it), joined by
# veth links. Sourced by tools/demo and by the scenarios in tests/scenarios; needs root, `warpd`, `warp-map` and `warp`.
#
#     lab_enter "$@"              this script goes on in a private mount, PID and (per site) network namespace
#     router; site A 2; site B 3  A's wan0 and wan1 lead to M's a0 and a1; B's wan0..2 to M's b0..2
#     map_up
#     node_config A B; node_config B A; node_up A; node_up B; wait_active A 6
#     cut a0; restore a0; black_hole b1; lift_black_hole b1
#
#     joined A B 3                or: two sites whose links lead to each other alone, without a router
#
# Nothing can stay behind: the kernel ends every process and frees every namespace, interface and file of the laboratory
# when the script's own process ends, in whatever way. So names need not be unique, and any number may run at once.
#
# Addresses: site n (A is 1) has on wan<i> 10.<n>.<i>.2/24 and fd00:<n><i>::2/64, with M at .1 and ::1 and one default route
# per link. M itself, where the map listens, is 10.99.0.1 and fd00:99::1, reachable through every link.

lab_tools=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/..")
warp_build=${WARP_BUILD:-$lab_tools/../build}
warpd=$warp_build/control/warpd
warp_map=$warp_build/map-server/warp-map
warp=$warp_build/tools/warp
lab=/run/lab  # a private tmpfs inside the laboratory
lab_python="/usr/bin/python3 -B"  # -B leaves no __pycache__ in the tree
map_address=10.99.0.1:13116
map_address_v6=[fd00:99::1]:13116

declare -A pid_of    # the daemons: pid_of[A] is A's warpd, pid_of[M] is the map
declare -A links_of  # how many links each site has: links_of[A]=2
# slow[a1]=20: that link delays each frame by 20 ms, in both directions; or properties of `warp lab link`
declare -A slow

# --- Entering and leaving -------------------------------------------------------------------------------------------------

# Isolates the calling script and gives it a directory for its files.
lab_enter() {
  lab_isolate "$@"
  mount -t tmpfs lab /run
  mkdir -p "$lab"
}

# Runs the calling script again, as the first process of a PID namespace with mounts of its own. Exits with its status.
lab_isolate() {
  if [[ ${WARP_LAB:-} == inside ]]; then
    exec 2>&3 3>&-
    unset WARP_LAB  # so that a laboratory within this one is isolated, too
    return
  fi
  if ((EUID != 0)); then
    echo "$0: needs root, for network namespaces" >&2
    exit 77
  fi
  # unshare complains of sigprocmask when its child was killed.
  WARP_LAB=inside setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc bash "$0" "$@" \
    <&0 3>&2 2> >(grep -v 'sigprocmask unblock failed' >&2) &
  local outer=$! status=0 stopped=0
  trap 'stopped=130; lab_end '$outer INT
  trap 'stopped=143; lab_end '$outer TERM HUP
  wait $outer || status=$?
  while kill -0 $outer 2>/dev/null; do wait $outer || status=$?; done
  ((stopped)) && exit $stopped || exit $status
}

# The kernel ends all other processes with the first one, and unshare (its parent) returns when all of them are gone.
lab_end() { kill -KILL $(ps -o pid= --ppid "$1") 2>/dev/null || kill -KILL "$1" 2>/dev/null || true; }

# --- Sites and links ------------------------------------------------------------------------------------------------------

# on A ping …: runs a command in a namespace.
on() { ip netns exec "$@"; }

number_of() { echo $(($(printf '%d' "'$1") - 64)); }  # A is 1

namespace() {
  ip netns add "$1"
  on "$1" sysctl -qw net.ipv4.conf.{all,default}.rp_filter=0 net.ipv6.conf.{all,default}.{accept_ra,accept_dad}=0
  ip -n "$1" link set lo up
}

router() {
  namespace M
  on M sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.{all,default}.keep_addr_on_down=1
  ip -n M address add 10.99.0.1/32 dev lo
  ip -n M address add fd00:99::1/128 dev lo nodad
  # What is dead: links by name, and ways between two links.
  on M nft -f - <<'NFT'
table inet lab {
  set dead { type ifname; }
  set dead_pairs { type ifname . ifname; }
  chain forward {
    type filter hook forward priority 0;
    iifname @dead drop
    oifname @dead drop
    iifname . oifname @dead_pairs drop
  }
  chain input { type filter hook input priority 0; iifname @dead drop; }
  chain output { type filter hook output priority 0; oifname @dead drop; }
}
NFT
}

# site A 2 [4|6|46]: makes a namespace with two links to M, whose addresses have these families (both by default).
site() {
  local site=$1 links=$2 families=${3:-46} i
  namespace "$site"
  links_of[$site]=$links
  lab_families=$families
  for ((i = 0; i < links; i++)); do link "$site" $i; done
}

# If both ends have the same index, the kernel takes a veth for a hardware interface, and may report its carrier a
# second later (net/core/link_watch.c).
veth() {  # NAMESPACE INTERFACE INDEX NAMESPACE INTERFACE INDEX
  ip -n "$1" link add "$2" index "$3" type veth peer name "$5" index "$6" netns "$4"
  ip -n "$1" link set "$2" up
  ip -n "$4" link set "$5" up
}

# A veth pair; where slow[NAME] says so, with a link of these properties between its two ends.
cable() {  # NAME NAMESPACE INTERFACE INDEX NAMESPACE INTERFACE INDEX
  local name=$1 between=slow-$1
  if [[ -z ${slow[$name]:-} ]]; then
    veth "${@:2}"
    return
  fi
  namespace "$between"
  veth "$2" "$3" "$4" "$between" near 20
  veth "$between" far 30 "$5" "$6" "$7"
  if [[ ${slow[$name]} == *=* ]]; then
    # A rate is one of frames as a wire carries them, so that both ends cut what they send.
    ip netns exec "$2" ethtool -K "$3" tso off gso off tx-udp-segmentation off
    ip netns exec "$5" ethtool -K "$6" tso off gso off tx-udp-segmentation off
    launch "$between" "$between" "$warp" lab link near far --both "${slow[$name]}"
  else
    # The kernels of both ends join frames, and this link is there for its delay alone: they pass as they are.
    launch "$between" "$between" "$warp" lab link near far --joined --both "delay=${slow[$name]}ms"
  fi
  ready "$between"
}

link() {
  local site=$1 i=$2 far=${1,}$2 n
  n=$(number_of "$site")
  cable "$far" "$site" "wan$i" $((10 + i)) M "$far" $((n * 100 + i))
  if [[ $lab_families == *4* ]]; then
    ip -n M address add "10.$n.$i.1/24" dev "$far"
    ip -n "$site" address add "10.$n.$i.2/24" dev "wan$i"
  fi
  if [[ $lab_families == *6* ]]; then
    ip -n M address add "fd00:$n$i::1/64" dev "$far" nodad
    ip -n "$site" address add "fd00:$n$i::2/64" dev "wan$i" nodad
  fi
  routes "$site" $i
}

# joined A B 3: two sites whose links lead to each other alone: A's wan1 to B's wan1, which is slow[a1] if that is set. They
# have addresses of IPv4 as behind a router, and need neither one nor a map.
joined() {
  local i way site other
  lab_families=4
  for site in "$1" "$2"; do
    namespace "$site"
    links_of[$site]=$3
  done
  for ((i = 0; i < $3; i++)); do
    cable "${1,}$i" "$1" "wan$i" $((10 + i)) "$2" "wan$i" $((50 + i))
    for way in "$1 $2" "$2 $1"; do
      read -r site other <<<"$way"
      ip -n "$site" address add "10.$(number_of "$site").$i.2/24" dev "wan$i"
      ip -n "$site" route add "10.$(number_of "$other").$i.0/24" dev "wan$i"
    done
  done
}

# lan A: a host behind a site, in the namespace hostA. It is 192.168.<n>.2, and the site is its only way.
lan() {
  local n
  n=$(number_of "$1")
  namespace "host$1"
  veth "host$1" eth0 20 "$1" lan 30
  ip -n "$1" address add "192.168.$n.1/24" dev lan
  ip -n "host$1" address add "192.168.$n.2/24" dev eth0
  ip -n "host$1" route add default via "192.168.$n.1"
  on "$1" sysctl -qw net.ipv4.ip_forward=1
}
# lan_route A B: what A's network sends to B's goes into A's interface warp0.
lan_route() { ip -n "$1" route replace "192.168.$(number_of "$2").0/24" dev warp0; }

# Sets the default routes of one link, as a DHCP client or a router advertisement would when the link comes up.
routes() {
  local site=$1 i=$2 n
  n=$(number_of "$site")
  [[ $lab_families != *4* ]] || ip -n "$site" -4 route replace default via "10.$n.$i.1" dev "wan$i" metric $((100 + i))
  [[ $lab_families != *6* ]] || ip -n "$site" -6 route replace default via "fd00:$n$i::1" dev "wan$i" metric $((100 + i))
}

# A link is named by its end at M: a0, b2. cut takes the carrier away from the site, as when a cable is pulled.
cut() { local l; for l in "$@"; do ip -n M link set "$l" down; done; }
restore() { local l; for l in "$@"; do ip -n M link set "$l" up; done; }
# A black hole loses packets while every interface stays up. One argument names a link; `a0.b1` names the way between
# two links.
black_hole() { lab_dead add "$@"; }
lift_black_hole() { lab_dead delete "$@"; }
# lose b0 a0: loses what comes in by b0 and leaves by a0, in that direction only.
lose() { on M nft "add element inet lab dead_pairs { \"$1\" . \"$2\" }"; }
lab_dead() {
  local action=$1 l
  shift
  for l in "$@"; do
    if [[ $l == *.* ]]; then
      on M nft "$action element inet lab dead_pairs { \"${l%.*}\" . \"${l#*.}\", \"${l#*.}\" . \"${l%.*}\" }"
    else
      on M nft "$action element inet lab dead { \"$l\" }"
    fi
  done
}

# --- Nodes and the map ----------------------------------------------------------------------------------------------------

# key_file NAME: prints the private key file of a site or of M, which is made at first use. public_key NAME: prints its
# public key.
key_file() {
  [[ -e $lab/$1.key ]] || (umask 077 && "$warp" keygen >"$lab/$1.key")
  echo "$lab/$1.key"
}
public_key() { "$warp" pubkey <"$(key_file "$1")"; }

# launch NAME NAMESPACE COMMAND…: starts a daemon in the background. Its output goes to $lab/NAME.log.
launch() {
  local name=$1
  shift
  # Without `on`, so that $! is the process itself and not a shell.
  # Emptied here: the shell that runs in the background may be late, and a daemon before this one was ready as well.
  : >"$lab/$name.log"
  ip netns exec "$@" >"$lab/$name.log" 2>&1 &
  pid_of[$name]=$!
}
# ready NAME: returns when the daemon says that it is ready. Fails if the daemon ends before that, or after 15 s.
ready() {
  local i
  for ((i = 0; i < 300; i++)); do
    ! grep -qs ': ready' "$lab/$1.log" || return 0
    kill -0 ${pid_of[$1]} 2>/dev/null || break
    sleep 0.05
  done
  echo "$1 did not become ready: $(tail -n 3 "$lab/$1.log")" >&2
  return 1
}

map_up() {
  launch M M "$warp_map" --listen 0.0.0.0:13116 --listen '[::]:13116' --private-key-file "$(key_file M)" \
    --control-socket "$lab/M.sock"
  ready M
}

# node_config A B: writes $lab/A.yaml, with B as A's peer. Gates listen at port 9000. A's application asks, so A's gate
# delivers to the last sender; the others answer, so their gates deliver to port 9001. These variables change it if set:
#   node_options   more lines under `node:`         port_options   more keys of each port, ", driver: af_xdp"
#   with_map       no: no map                       with_endpoints yes: the peer's endpoints stand in the file
#   gate_family    6: the gates are on [::1]        tunnel         the tunnel's name
#   tunnel_gate    another gate: "{tun: {interface: warp0}}"
node_config() {
  local site=$1 peer=$2 i endpoints=() map=$map_address
  [[ $lab_families == *4* ]] || map=$map_address_v6
  {
    echo "node:"
    echo "  private_key_file: $(key_file "$site")"
    echo "  control_socket: $lab/$site.sock"
    [[ ${node_options:-} == *state_directory* ]] || echo "  state_directory: $lab/state"
    [[ -z ${node_options:-} ]] || sed 's/^/  /' <<<"$node_options"
    if [[ ${with_map:-yes} == yes ]]; then
      echo "map:"
      echo "  - {address: \"$map\", public_key: $(public_key M)}"
    fi
    echo "ports:"
    for ((i = 0; i < links_of[$site]; i++)); do echo "  - {name: wan$i, interface: wan$i${port_options:-}}"; done
    if [[ ${with_endpoints:-no} == yes ]]; then
      for ((i = 0; i < links_of[$peer]; i++)); do
        [[ $lab_families != *4* ]] || endpoints+=("\"10.$(number_of "$peer").$i.2:13116\"")
        [[ $lab_families != *6* ]] || endpoints+=("\"[fd00:$(number_of "$peer")$i::2]:13116\"")
      done
    fi
    echo "peers:"
    echo "  - {name: ${peer,}, public_key: $(public_key "$peer"), endpoints: [$(IFS=,; echo "${endpoints[*]}")]}"
    echo "tunnels:"
    tunnel_config "$site" "$peer" "${tunnel:-video}" 1 9000
  } >"$lab/$site.yaml"
}

# tunnel_config A B NAME ID PORT: prints a tunnel, whose gate listens at that port and, except at A, delivers to the next.
# After node_config it makes one more: tunnel_config A B bulk 2 9010 >>"$lab/A.yaml".
tunnel_config() {
  local site=$1 peer=$2 name=$3 id=$4 port=$5 deliver= localhost=127.0.0.1
  [[ ${gate_family:-4} == 4 ]] || localhost='[::1]'
  [[ $site == A ]] || deliver=", deliver: \"$localhost:$((port + 1))\""
  echo "  - name: $name"
  echo "    id: $id"
  echo "    peer: ${peer,}"
  [[ -z ${tunnel_options:-} ]] || sed 's/^/    /' <<<"$tunnel_options"
  echo "    gate: ${tunnel_gate:-{loopback: {listen: \"$localhost:$port\"$deliver\}\}}"
}

node_launch() { launch "$1" "$1" "$warpd" --config "$lab/$1.yaml"; }
node_up() { node_launch "$1" && ready "$1"; }

# stop NAME: ends a daemon as an operator would, waits for it, and returns its exit status.
stop() {
  kill -TERM "${pid_of[$1]}"
  wait "${pid_of[$1]}"
}
# Ends a daemon as the kernel does when memory runs out.
kill_hard() {
  kill -KILL "${pid_of[$1]}"
  wait "${pid_of[$1]}" || true
}

# status A 'EXPRESSION' [SECONDS]: waits until a Python expression over A's status is true, and prints its value. It
# fails after so many seconds (10). lab_status.py lists the names that the expression may use.
status() { $lab_python "$lab_tools/lab/lab_status.py" "$lab/$1.sock" "$2" "${3:-10}"; }
wait_active() { status "$1" "active() == $2" "${3:-15}" >/dev/null; }

# listening B 9001: waits until a program in B has this UDP port.
listening() {
  local i
  for ((i = 0; i < 200; i++)); do
    [[ -z $(on "$1" ss -Hlun "sport = :$2") ]] || return 0
    sleep 0.05
  done
  echo "nothing listens at port $2 of $1" >&2
  return 1
}
