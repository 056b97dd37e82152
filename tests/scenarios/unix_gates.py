"""Applications at Unix gates. Each ends with status 0 if everything went as it should.

unix_gates.py echo TYPE GATE OWN          answers every payload, from the socket OWN; reconnects when the gate went away
unix_gates.py ask TYPE GATE OWN SIZE...   sends payloads of these sizes, some of each, and awaits their answers
unix_gates.py flood TYPE GATE SECONDS     sends as fast as it may; reconnects; prints how much was sent and how often it was
                                          disconnected
"""

import os
import socket
import sys
import time

TYPES = {"datagram": socket.SOCK_DGRAM, "seqpacket": socket.SOCK_SEQPACKET}
FLOOD = b"x" * 1000


def connect(kind, gate, own=None):
    """Returns a socket that is connected to the gate, however long that takes."""
    while True:
        app = socket.socket(socket.AF_UNIX, TYPES[kind])
        if own and kind == "datagram":
            if os.path.exists(own):
                os.unlink(own)
            app.bind(own)
        try:
            app.connect(gate)
            return app
        except (ConnectionRefusedError, FileNotFoundError):
            app.close()
            time.sleep(0.02)


def echo(kind, gate, own):
    app = connect(kind, gate, own)
    while True:
        try:
            payload = app.recv(1 << 17)
            if payload:
                app.send(payload)
            elif kind == "seqpacket":
                raise ConnectionResetError
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            app.close()
            app = connect(kind, gate, own)


def ask(kind, gate, own, *sizes):
    app = connect(kind, gate, own)
    app.settimeout(5)
    for size in map(int, sizes):
        for number in range(20):
            payload = number.to_bytes(1, "little") + os.urandom(size - 1)
            app.send(payload)
            answer = app.recv(1 << 17)
            while answer == FLOOD:  # skips answers to a client that had this socket before
                answer = app.recv(1 << 17)
            if answer != payload:
                sys.exit(f"{size} bytes: another answer, of {len(answer)}")
    os.path.exists(own) and os.unlink(own)


def flood(kind, gate, seconds):
    end = time.monotonic() + float(seconds)
    sent = disconnected = 0
    app = connect(kind, gate)
    while time.monotonic() < end:
        try:
            app.send(FLOOD)
            sent += 1
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            disconnected += 1
            app.close()
            app = connect(kind, gate)
    print(sent, disconnected)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
