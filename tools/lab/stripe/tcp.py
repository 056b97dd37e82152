"""One TCP connection, from one end or the other:

    tcp.py receive ADDRESS PORT           says when it is ready, then prints a line of JSON each 100 ms: CLOCK_MONOTONIC, and
                                          the bytes so far
    tcp.py send ADDRESS PORT SECONDS      sends as much as the connection takes; prints what the kernel tells of it
"""

import json
import selectors
import socket
import struct
import sys
import time

INTERVAL = 0.1  # s
CONGESTION = b"cubic"  # what Linux uses where nobody has chosen another one


def receive(address, port):
    with socket.create_server((address, port)) as server:
        print("tcp.py: ready", flush=True)
        connection = server.accept()[0]
    connection.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(connection, selectors.EVENT_READ)
    buffer = bytearray(1 << 18)
    count, due, last = 0, time.monotonic(), False
    while not last:
        if selector.select(max(0.0, due - time.monotonic())):
            try:
                got = connection.recv_into(buffer)
            except ConnectionError:
                got = 0
            count += got
            last = got == 0
        if last or time.monotonic() >= due:
            print(json.dumps({"at": time.monotonic(), "bytes": count}), flush=True)
            due = max(due + INTERVAL, time.monotonic())


def send(address, port, seconds):
    with socket.create_connection((address, port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION)
        end = time.monotonic() + seconds
        chunk = bytes(1 << 16)
        try:
            while time.monotonic() < end:
                connection.settimeout(max(0.001, end - time.monotonic()))
                connection.send(chunk)
        except TimeoutError:
            pass
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        # Of struct tcp_info: the smoothed round trip in µs, and how many segments were sent again.
        trip, resent = struct.unpack_from("I", told, 68)[0], struct.unpack_from("I", told, 100)[0]
        print(json.dumps({"congestion": CONGESTION.decode(), "rtt_ms": trip / 1000, "resent": resent}))


if __name__ == "__main__":
    way, address, port, *seconds = sys.argv[1:]
    if way == "send":
        send(address, int(port), float(seconds[0]))
    else:
        receive(address, int(port))
