"""Plays an attacker on the wire: bad_input.py SECONDS INTERFACE…

Catches what passes at the interfaces of M. To each receiver it sends changed and unchanged copies, and noise. The nodes get
frames that look like the caught ones; the map, which runs in M, gets datagrams. Prints how many it sent of each sort.
"""

import collections
import json
import os
import random
import select
import socket
import struct
import sys
import time

from warp_frames import WARP_PORT, catch, open_interface, send

MAP = "10.99.0.1"


def sealed_header(index, counter):
    return struct.pack("<B3xIQ", 1, index, counter)


def bad_datagrams(good):
    """Yields what an attacker makes of a good datagram, as (sort, datagram)."""
    yield "replayed", good
    yield "truncated", good[: random.randrange(len(good))]
    yield "tag changed", good[:-1] + bytes([good[-1] ^ 1])
    yield "version changed", good[:1] + b"\x01" + good[2:]
    yield "type changed", bytes([random.randrange(5, 256)]) + good[1:]
    yield "noise", os.urandom(random.randrange(1400))
    yield "sealed noise", sealed_header(random.getrandbits(32), random.getrandbits(30)) + os.urandom(64)
    yield "handshake noise", bytes([random.randrange(2, 5), 0, 0, 0]) + os.urandom(min(len(good), 1400))
    if good[0] == 1:
        index = struct.unpack_from("<I", good, 4)[0]
        yield "forged", sealed_header(index, random.getrandbits(30)) + os.urandom(64)
        yield "counter too large", sealed_header(index, 1 << 36 | random.getrandbits(20)) + good[16:]
    else:  # a handshake message with other MACs at its end
        yield "mac changed", good[:-20] + os.urandom(20)
        yield "handshake changed", good[:40] + os.urandom(8) + good[48:]


def main():
    end = time.monotonic() + float(sys.argv[1])
    interfaces = [open_interface(name) for name in sys.argv[2:]]
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sent = collections.Counter()
    mine = set()  # datagrams that were sent here, and that also pass by
    while time.monotonic() < end:
        time.sleep(0.02)
        for interface in select.select(interfaces, [], [], 0)[0]:
            caught = [frame for frame in catch(interface) if hash(frame.octets) not in mine]
            handshakes = [frame for frame in caught if frame.datagram[:1] != b"\x01"]
            for frame in random.sample(caught, min(8, len(caught))) + handshakes[:4]:
                bad = [] if frame.outgoing else [("reflected", None)]
                if frame.outgoing or frame.to == MAP:
                    bad += bad_datagrams(frame.datagram)
                for sort, datagram in bad:
                    sent[sort] += 1
                    if frame.outgoing or datagram is None:
                        octets = frame.reflected() if datagram is None else frame.with_datagram(datagram)
                        mine.add(hash(octets))
                        send(interface, octets)
                    else:
                        own.sendto(datagram, (MAP, WARP_PORT))
    print(json.dumps(sent))


if __name__ == "__main__":
    main()
