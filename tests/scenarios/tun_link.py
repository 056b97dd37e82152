"""A link of IP packets without any Ethernet header: a tun interface of the same name in each of two network namespaces,
and this process between them. `tun_link.py A B wan0 [519]`: with a number, the interfaces are of that type of hardware
(linux/if_arp.h), such as the raw IP of a modem."""

import fcntl
import os
import select
import struct
import sys

TUNSETIFF = 0x400454CA
TUNSETLINK = 0x400454CD
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000


def interface(namespace, name, kind):
    with open(f"/run/netns/{namespace}") as file:
        if LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(f"cannot enter {namespace}")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    if kind is not None:
        fcntl.ioctl(tun, TUNSETLINK, kind)
    return tun


def main():
    kind = int(sys.argv[4]) if len(sys.argv) > 4 else None
    ends = [interface(namespace, sys.argv[3], kind) for namespace in sys.argv[1:3]]
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
