"""WARP's datagrams as Ethernet frames (IPv4 only). Scripts catch them at an interface, change them and send them again."""

import socket
import struct

WARP_PORT = 13116
ALL_PROTOCOLS = 3
PACKET_OUTGOING = 4
HEADERS = 14 + 20 + 8  # Ethernet, IPv4 without options, UDP

# The header before each frame: flags, kind, size of the headers, size of a segment, and two unused fields (virtio 1.2,
# section 5.1.6).
SOL_PACKET, PACKET_VNET_HDR = 263, 15
OFFLOAD = struct.Struct("=BBHHHH")
UDP_SEGMENTS = 5
NEEDS_CHECKSUM = 1


class Frame:
    """A caught frame that carries a WARP datagram, with its interface and direction."""

    def __init__(self, interface, outgoing, octets, sums_later=False):
        self.interface = interface
        self.outgoing = outgoing
        self.octets = octets
        self.sums_later = sums_later  # the kernel or the card would fill in its checksum

    @property
    def datagram(self):
        size = struct.unpack_from("!H", self.octets, 38)[0]
        return self.octets[HEADERS : 34 + size]

    @property
    def to(self):
        return socket.inet_ntoa(self.octets[30:34])

    @property
    def has_right_checksum(self):
        """Whether there is a UDP checksum, and it is right (RFC 768)."""
        udp = self.octets[34:HEADERS] + self.datagram
        summed = self.octets[26:34] + struct.pack("!HH", socket.IPPROTO_UDP, len(udp)) + udp
        return self.sums_later or (udp[6:8] != b"\0\0" and checksum(summed + b"\0" * (len(summed) % 2)) == 0)

    def with_datagram(self, datagram):
        """Returns a frame with the same addresses around another datagram. Its lengths and IP checksum are right."""
        ethernet, ip, udp = self.octets[:14], bytearray(self.octets[14:34]), bytearray(self.octets[34:42])
        struct.pack_into("!H", ip, 2, 28 + len(datagram))
        struct.pack_into("!H", ip, 10, 0)
        struct.pack_into("!H", ip, 10, checksum(ip))
        struct.pack_into("!HH", udp, 4, 8 + len(datagram), 0)
        return bytes(ethernet + ip + udp + datagram)

    def reflected(self):
        """Returns the frame as if its receiver had sent it back, with the addresses of all layers exchanged."""
        o = self.octets
        return o[6:12] + o[0:6] + o[12:26] + o[30:34] + o[26:30] + o[36:38] + o[34:36] + o[38:]


def checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def open_interface(name):
    interface = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    interface.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    interface.bind((name, ALL_PROTOCOLS))
    interface.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    interface.setblocking(False)
    return interface


def send(interface, octets):
    interface.send(bytes(OFFLOAD.size) + octets)


def catch(interface):
    """Returns the WARP frames that wait at an interface. Joined frames are returned one by one."""
    while True:
        try:
            octets, address = interface.recvfrom(OFFLOAD.size + 65536)
        except (BlockingIOError, OSError):
            return
        flags, kind, _, segment, _, _ = OFFLOAD.unpack_from(octets)
        octets = octets[OFFLOAD.size :]
        if len(octets) < HEADERS or octets[12:15] != b"\x08\x00\x45" or octets[23] != socket.IPPROTO_UDP:
            continue
        if WARP_PORT not in struct.unpack_from("!HH", octets, 34):
            continue
        whole = Frame(interface, address[2] == PACKET_OUTGOING, octets, bool(flags & NEEDS_CHECKSUM))
        if kind != UDP_SEGMENTS:
            yield whole
            continue
        for start in range(0, len(whole.datagram), segment):
            part = whole.with_datagram(whole.datagram[start : start + segment])
            yield Frame(interface, whole.outgoing, part, sums_later=True)
