"""Sends router advertisements with prefixes of a NAT64 (RFC 8781), which not every radvd can:

    advertise.py INTERFACE SECONDS PREFIX/LENGTH=LIFETIME…

One at once and then one a second, until SECONDS are over; 0: one alone. It is no default router.
"""

import ipaddress
import socket
import struct
import sys
import time

CODES = {96: 0, 64: 1, 56: 2, 48: 3, 40: 4, 32: 5}


def option(text):
    """The option of a prefix: type, length, lifetime in units of 8 seconds above a code for the length, 96 bits."""
    prefix, lifetime = text.split("=")
    network = ipaddress.ip_network(prefix)
    scaled = int(lifetime) // 8 << 3 | CODES[network.prefixlen]
    return struct.pack("!BBH", 38, 2, scaled) + network.network_address.packed[:12]


def main():
    interface, seconds = sys.argv[1], float(sys.argv[2])
    message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0) + b"".join(map(option, sys.argv[3:]))
    sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    end = time.monotonic() + seconds
    while True:
        sender.sendto(message, ("ff02::1", 0, 0, socket.if_nametoindex(interface)))
        if time.monotonic() + 1 > end:
            return
        time.sleep(1)


if __name__ == "__main__":
    main()
