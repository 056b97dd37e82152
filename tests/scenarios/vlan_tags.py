"""Counts WARP's frames that arrive at an interface, by the VLAN of their tags, and prints the counts as JSON:

    vlan_tags.py INTERFACE SECONDS

The kernel takes a tag off before any socket sees the frame, and tells of it beside the frame (packet(7), PACKET_AUXDATA).
A joined frame counts once: {"untagged": 40, "vlan10": 44}.
"""

import collections
import json
import socket
import struct
import sys
import time

from warp_frames import ALL_PROTOCOLS, HEADERS, PACKET_OUTGOING, SOL_PACKET, WARP_PORT

PACKET_AUXDATA = 8
TP_STATUS_VLAN_VALID = 0x10
AUXDATA = struct.Struct("=IIIHHHH")


def vlan_of(ancillary):
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tag, _ = AUXDATA.unpack(data)
            if status & TP_STATUS_VLAN_VALID:
                return f"vlan{tag & 0x0FFF}"
    return "untagged"


def main():
    interface, seconds = sys.argv[1], float(sys.argv[2])
    counts = collections.Counter()
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    listener.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    listener.bind((interface, ALL_PROTOCOLS))
    listener.settimeout(0.1)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            octets, ancillary, _, address = listener.recvmsg(65536, 256)
        except socket.timeout:
            continue
        if address[2] == PACKET_OUTGOING or len(octets) < HEADERS or octets[12:15] != b"\x08\x00\x45":
            continue
        if octets[23] == socket.IPPROTO_UDP and WARP_PORT in struct.unpack_from("!HH", octets, 34):
            counts[vlan_of(ancillary)] += 1
    print(json.dumps(counts))


main()
