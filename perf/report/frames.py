"""Watches the frames that an interface receives or sends, and prints how many there were and how large the largest was.

    python3 frames.py INTERFACE in|out SECONDS

A link between two network namespaces passes what no wire would: frames of many segments. So a figure is worth nothing
without the largest frame beside it.
"""

import json
import socket
import sys
import time

ETH_P_ALL = 3  # frames that leave are shown to nobody who asks for less
PACKET_OUTGOING = 4


def watch(interface, outgoing, seconds):
    frames, largest = 0, 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as watcher:
        watcher.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        watcher.bind((interface, ETH_P_ALL))
        end = time.monotonic() + seconds
        buffer = bytearray(1)
        while (left := end - time.monotonic()) > 0:
            watcher.settimeout(left)
            try:
                size, _, _, source = watcher.recvmsg_into([buffer], 0, socket.MSG_TRUNC)
            except TimeoutError:
                break
            if (source[2] == PACKET_OUTGOING) == outgoing:
                frames, largest = frames + 1, max(largest, size)
    return {"frames": frames, "largest": largest}


if __name__ == "__main__":
    print(json.dumps(watch(sys.argv[1], sys.argv[2] == "out", float(sys.argv[3]))))
