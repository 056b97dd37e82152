"""A link of IP packets without any Ethernet header: a tun interface of the same name in each of two network namespaces,
and this process between them. `tun_link.py A B wan0`"""

import fcntl
import os
import select
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000


def interface(namespace, name):
    with open(f"/run/netns/{namespace}") as file:
        if LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(f"cannot enter {namespace}")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def main():
    ends = [interface(namespace, sys.argv[3]) for namespace in sys.argv[1:3]]
    print("tun_link: ready", flush=True)
    while True:
        for tun in select.select(ends, [], [])[0]:
            other = ends[1 - ends.index(tun)]
            try:
                os.write(other, os.read(tun, 65536))
            except OSError:
                pass  # An end that is down takes no packets.


if __name__ == "__main__":
    import ctypes

    LIBC = ctypes.CDLL(None, use_errno=True)
    main()
