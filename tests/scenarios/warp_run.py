"""An application that knows nothing of `warp run`: warp_run.py KIND GATE COUNT WARPD

Sends COUNT payloads (0: until an error) into the gate with blocking sends. For every 50th payload it stops the process WARPD
for 20 ms; a send that returns meanwhile is early. Prints one JSON object.
"""

import errno
import json
import os
import signal
import socket
import sys
import threading
import time

kind, gate, count, warpd = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_SEQPACKET)
sock.connect(gate)
goes_on = 0.0
sent = early = 0
error = None


def go_on():
    global goes_on
    time.sleep(0.02)
    goes_on = time.monotonic()
    os.kill(warpd, signal.SIGCONT)


while error is None and (count == 0 or sent < count):
    stopped = None
    if warpd and sent % 50 == 49:
        os.kill(warpd, signal.SIGSTOP)
        stopped = threading.Thread(target=go_on)
        stopped.start()
    try:
        sock.send(sent.to_bytes(8, "big") * 100)
        returned = time.monotonic()
        sent += 1
    except OSError as e:
        error = errno.errorcode[e.errno]
    if stopped:
        stopped.join()
        early += returned < goes_on
print(json.dumps({"sent": sent, "early": early, "error": error}))
