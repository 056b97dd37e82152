"""Plays a slow link: lab_delay.py INTERFACE INTERFACE MILLISECONDS

Passes every frame from either interface to the other, after this delay. It keeps up with some thousand frames a second.
"""

import collections
import select
import socket
import sys
import time

ALL_PROTOCOLS = 3
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
LARGEST = 10 + 65536  # a frame, which may be joined, behind its PACKET_VNET_HDR header


def open_interface(name):
    # With protocol number 0 nothing is queued before bind, when everything is set.
    interface = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    interface.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    interface.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)  # so that a joined frame leaves joined
    interface.bind((name, ALL_PROTOCOLS))
    interface.setblocking(False)
    return interface


def main():
    near, far = open_interface(sys.argv[1]), open_interface(sys.argv[2])
    delay = float(sys.argv[3]) / 1000
    other = {near: far, far: near}
    waiting = collections.deque()  # (when, interface, frame); in order, since the delay is the same for all
    while True:
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for ready in select.select([near, far], [], [], timeout)[0]:
            try:
                while True:
                    waiting.append((time.monotonic() + delay, other[ready], ready.recv(LARGEST)))
            except BlockingIOError:
                pass
        while waiting and waiting[0][0] <= time.monotonic():
            _, interface, frame = waiting.popleft()
            try:
                interface.send(frame)
            except OSError:  # the interface is down, and the frame is lost as on any link
                pass


if __name__ == "__main__":
    main()
