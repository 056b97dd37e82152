#!/bin/bash
# Every mistake at the start must give one sentence that says what is wrong and where, exit status 1, and nothing left
# behind.
#
#   A wan0 -- a0 - M       B is somebody's key only
. "$(dirname "$0")/_init.sh"
router
site A 1
links_of[B]=0
node_config A B
config=$lab/A.yaml
cp "$config" "$lab/good.yaml"
# with 's/sed/expression/' PATTERN: the configuration, changed by the expression, must be refused with a matching line.
with() {
  sed "$1" "$lab/good.yaml" >"$config"
  step "$2"
  rejects A "$2" "$warpd" --config "$config"
}
links=$(ip -n A -o link | wc -l)
with 's/interface: wan0/interface: wan7/' 'wan7'
with 's/interface: wan0/interface: lo, driver: af_packet/' '^warpd: port wan0: interface lo is neither Ethernet nor plain IP'
with 's/driver/&/; s/interface: wan0/interface: wan0, driver: fast/' 'A.yaml:[0-9]+: .*driver.*fast'
with 's/listen: "127.0.0.1:9000"/listen: "192.0.2.1:9000"/' 'A.yaml:[0-9]+: .*listen'
with 's/^tunnels:/tunels:/' 'A.yaml:[0-9]+: .*tunels.*tunnels'
with 's/id: 1/id: 70000/' 'A.yaml:[0-9]+: .*id'
with 's|private_key_file: .*|private_key_file: /run/lab/none.key|' 'none.key'
with "s|control_socket: .*|control_socket: /nowhere/at/all.sock|" '/nowhere/at/all.sock'
chmod 644 "$lab/A.key"
with '' 'A.key'
chmod 600 "$lab/A.key"
rejects A 'none.yaml' "$warpd" --config "$lab/none.yaml"

step "ports in use"
in_use() {  # ADDRESS PORT: the daemon is refused while another program has them
  ip netns exec A $lab_python -c 'import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
time.sleep(60)' "$1" "$2" &
  listening A "$2"
  with '' "$2"
  kill $!
  wait $! || true
}
in_use 127.0.0.1 9000
in_use 0.0.0.0 13116

step "no permission"
chmod 755 "$lab"
chown 65534 "$lab/A.key"
mkdir -m 777 "$lab/open"
sed "s/interface: wan0/&, driver: af_packet/; s|control_socket: .*|control_socket: $lab/open/A.sock|" "$lab/good.yaml" >"$config"
rejects A 'port wan0: a raw socket needs root, or CAP_NET_RAW' setpriv --reuid 65534 --clear-groups "$warpd" --config "$config"
cp "$lab/good.yaml" "$config"
rejects A '[Pp]ermi|not permitted' setpriv --reuid 65534 --clear-groups "$warpd" --config "$config"
chown 0 "$lab/A.key"

step "the map"
rejects M 'none.key' "$warp_map" --listen 0.0.0.0:13116 \
  --private-key-file "$lab/none.key" --control-socket "$lab/m.sock"
map_up
rejects M '13116' "$warp_map" --listen 0.0.0.0:13116 \
  --private-key-file "$(key_file M)" --control-socket "$lab/m.sock"

step "nothing is left, and the good configuration is good"
[[ $(ip -n A -o link | wc -l) == "$links" && ! -e $lab/A.sock && ! -e $lab/m.sock ]]
"$warp" check "$config"
node_up A
step "twice is once too often"
rejects A '.' "$warpd" --config "$config"
status A 'True' 1
