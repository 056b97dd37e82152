#!/bin/bash
# NATs of any kind before any link, that forget, get other ports or other addresses at any time, and what was silent for a
# second or more; links that have IPv6 alone and a network that translates; links that go dark, and a map that dies and
# comes back. Now and then the first links of both sites are behind one NAT, which turns what they send to its outside (a
# hairpin). One path is whole at any moment: then no payload is lost, none comes twice, and none goes to an endpoint that
# has not answered.
#
#     chaos.sh [SECONDS [SEED]]     the seed is printed; the same one does the same again
#     chaos.sh 20 7 relay           the map relays, and any kind may stand before any other: what has no path goes through
#                                   the map, and is lost while that is gone
#     chaos.sh 20 7 relayed         no pair of links has a path, so that all goes through the map, which lives: then nothing
#                                   is lost either, while one link of each site is whole
#     chaos.sh 20 7 isolated        the first links are under one roof, where only the hairpin joins them
. "$(dirname "$0")/_nat.sh"
seconds=${1:-20}
seed=${2:-$(($(date +%s) % 100000))}
echo "seed $seed"
RANDOM=$seed

kinds=(open cone address port home nat64 cgn symmetric cgn-symmetric nat64-symmetric)
# No path leads from a symmetric NAT to one that is restricted by port. So B has none of the latter where A has one of the
# former, unless the map relays, which joins these as well.
# A subshell would draw numbers of its own.
a=("${kinds[RANDOM % 10]}" "${kinds[RANDOM % 10]}")
most=3
[[ ${a[*]} == *symmetric* ]] || most=7
[[ ${3:-} != relay ]] || most=10
b=("${kinds[RANDOM % most]}" "${kinds[RANDOM % most]}")
if [[ ${3:-} == relayed ]]; then
  closed=(port home cgn symmetric cgn-symmetric)
  a=("${closed[RANDOM % 2 + 3]}" "${closed[RANDOM % 2 + 3]}")
  b=("${closed[RANDOM % 5]}" "${closed[RANDOM % 5]}")
fi
forget=$((RANDOM % 3 + 1))
# Where the map relays, there is no way that every pair of links has.
one_roof=$((RANDOM % 3 == 0))
[[ ${3:-} != relay* ]] || one_roof=0
[[ ${3:-} != isolated ]] || one_roof=1
inside=192.168.50.
if ((one_roof)); then
  hairpin=yes
  a[0]=roof
  b[0]=roof
fi
if [[ ${3:-} == isolated ]]; then
  isolated=yes
  inside=10.50.0.
fi
echo "A: ${a[*]}, B: ${b[*]}${isolated:+, isolated}; mappings are forgotten after $forget s"

router
watch_strays
relay=${3:-}
[[ $relay == relay* ]] || relay=
map() { if [[ -n $relay ]]; then relaying_map_up "{rate: 100Mbit}"; else map_up; fi; }
# Waits until every pair of links carries; where all goes through the map, every link; and where some does, any. Prints how
# long that took.
all_carry() {
  local any="any(path['carries'] and path['state'] == 'active' for path in paths())" since=${EPOCHREALTIME/./}
  if ((one_roof)); then
    printf '%s\n' A/wan0/$inside A/wan0/10.2.1. A/wan1/10.50.0. A/wan1/10.2.1. \
      B/wan0/$inside B/wan0/10.1.1. B/wan1/10.50.0. B/wan1/10.1.1. | arrive "$1"
    return
  fi
  case $relay in
    relay) status A "$any" "$1" >/dev/null && status B "$any" "$1" >/dev/null && elapsed "$since" ;;
    relayed) printf '%s\n' {A,B}/wan{0,1}/10.99. | arrive "$1" ;;
    *) pairs A B | arrive "$1" ;;
  esac
}
map
links=(a0 a1 b0 b1)
if ((one_roof)); then
  roof cone A B
  nat_link A 1 "${a[1]}"
  nat_link B 1 "${b[1]}"
  links_of[A]=2
  links_of[B]=2
  links=(h0 a1 b1)
  watch_hairpins nat-h0 10.50.0.
else
  nat_site A "${a[@]}"
  nat_site B "${b[@]}"
fi
for name in "${!outside_of[@]}"; do
  on "$name" sysctl -qw net.netfilter.nf_conntrack_udp_timeout{,_stream}=$forget
done
node_config A B
node_config B A
node_up A
node_up B
echo_up
status A 'active() > 0' >/dev/null
traffic 500 1000
all_carry 10 >/dev/null

happenings=(flush rebind new_address dark)
end=$((${EPOCHREALTIME/./} + seconds * 1000000))
count=0
while ((${EPOCHREALTIME/./} < end)); do
  far=${links[RANDOM % ${#links[@]}]}
  # What happens to this link, one thing after the other. The others are left alone until it carries again.
  for ((i = RANDOM % 3; i >= 0; i--)); do
    what=${happenings[RANDOM % 4]}
    [[ -n ${nat_of[$far]:-} ]] || what=dark
    pause=0.$((RANDOM % 9))
    map=$((RANDOM % 6))
    [[ $relay != relayed ]] || map=1
    echo "$what $far, $pause s$( ((map)) || echo ', and the map dies')"
    ((map)) || kill_hard M
    case $what in
      dark) black_hole $far && sleep $pause && lift_black_hole $far ;;
      *) $what $far && sleep $pause ;;
    esac
    ((map)) || map
    count=$((count + 1))
  done
  echo "all carry again after $(all_carry 20) s"
done
traffic_end
echo "took $seconds s for $count events"
if [[ $relay != relay ]]; then nothing_lost; else expect_gauge 'received > 0 and duplicated == 0'; fi
no_strays
