#!/bin/bash
# A listener at every link must see no payload, no tunnel name and no key. A payload must cost 36 bytes inside UDP.
#
#   A wan0 -- a0 - M - b0 -- wan0 B       the listener is in M
. "$(dirname "$0")/_init.sh"
router
site A 1 4
site B 1 4
tunnel=the-secret-tunnel
node_config A B
node_config B A
marker=the-plain-payload
# The listener hears everything from before the first handshake.
on M $lab_python "$(dirname "$0")/secrecy.py" 7 1111 $marker $tunnel "$(public_key A)" "$(public_key B)" \
  "$(cat "$(key_file A)")" "$(cat "$(key_file B)")" -- a0 b0 &
listener=$!
sleep 0.3
map_up
node_up A
node_up B
wait_active A 1
on A $lab_python -c '
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(200):
    s.sendto(sys.argv[1].encode().ljust(1111, b"."), ("127.0.0.1", 9000))
    time.sleep(0.005)' $marker
wait $listener
