"""An IP tunnel over a WARP tunnel: what an interface sends goes into a gate, and what comes out of the gate it receives.

    tun.py INTERFACE ADDRESS/BITS GATE [LISTEN]

The kernel's own TCP then goes through WARP, and nothing has to be installed for it. GATE is the port that the gate at
127.0.0.1 listens at. LISTEN is the port to which that gate delivers; without it the gate answers whoever sent last.
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import sys

MTU = 1400  # with WARP, UDP and IP around it, a packet fits the 1,500 bytes of a link
BUFFER = 4 << 20
BATCH = 64  # packets of one side before the other has its turn
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def open_interface(name, address):
    try:
        interface = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        sys.exit(f"tun.py: /dev/net/tun: {error.strerror} (is the kernel's module `tun` there?)")
    fcntl.ioctl(interface, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "address", "add", address, "dev", name], check=True)
    subprocess.run(["ip", "link", "set", name, "mtu", str(MTU), "txqueuelen", "1000", "up"], check=True)
    return interface


def open_gate(gate, listen):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, 33, BUFFER)  # SO_RCVBUFFORCE
    sock.bind(("127.0.0.1", listen))
    sock.connect(("127.0.0.1", gate))
    return sock


def pass_on(take, give):
    """Passes on what is there, and at most a batch."""
    for _ in range(BATCH):
        try:
            packet = take()
        except BlockingIOError:
            return
        except ConnectionRefusedError:
            continue  # the gate is not there just now
        try:
            give(packet)
        except OSError:
            pass  # lost, as packets may be


def main():
    name, address, gate, *listen = sys.argv[1:]
    interface = open_interface(name, address)
    sock = open_gate(int(gate), int(listen[0]) if listen else 0)
    poll = select.poll()
    poll.register(interface, select.POLLIN)
    poll.register(sock, select.POLLIN)
    print("tun.py: ready", flush=True)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == interface:
                pass_on(lambda: os.read(interface, 65536), sock.send)
            else:
                pass_on(lambda: sock.recv(65536, socket.MSG_DONTWAIT), lambda packet: os.write(interface, packet))


if __name__ == "__main__":
    main()
