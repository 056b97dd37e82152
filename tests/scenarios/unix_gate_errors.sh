#!/bin/bash
# Every mistake about a Unix gate at the start must give one sentence and exit status 1. A file in the way must stay.
#
#   A wan0 -- a0 - M       B exists only as a key
. "$(dirname "$0")/_init.sh"
router
site A 1
links_of[B]=0
node_config A B
config=$lab/A.yaml
cp "$config" "$lab/good.yaml"
gate() { sed "s|gate: .*|gate: {unix: {path: $lab/A.gate$1}}|" "$lab/good.yaml" >"$config"; }

step "accounts"
gate ", group: nosuchgroup"
rejects A 'tunnel video: .*A.gate: there is no group nosuchgroup' "$warpd" --config "$config"
gate ", owner: nosuchuser"
rejects A 'tunnel video: .*A.gate: there is no user nosuchuser' "$warpd" --config "$config"

step "a file in the way"
gate ""
echo precious >"$lab/A.gate"
rejects A 'A.gate: a file of that name is in the way' "$warpd" --config "$config"
grep -q precious "$lab/A.gate"
rm "$lab/A.gate"

step "no right to a network namespace"
rejects A 'Unix datagram gate needs root, or CAP_SYS_ADMIN' \
  setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$warpd" --config "$config"
[[ ! -e $lab/A.gate ]]

step "seqpacket needs none"
gate ", type: seqpacket"
launch A A setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$warpd" --config "$config"
ready A
[[ -S $lab/A.gate ]]

step "a live one"
sed "s|control_socket: .*|control_socket: $lab/C.sock|; s|^node:|&\n  listen_port: 14000|" "$config" >"$lab/C.yaml"
rejects A 'A.gate: another program is listening there' "$warpd" --config "$lab/C.yaml"
[[ -S $lab/A.gate ]]
stop A
[[ ! -e $lab/A.gate ]]
