"""The stop points of a program (dataplane/os/stop_point.h): stop_points.py PROGRAM prints their names.

Each is a note in the section .note.stapsdt, in the form of <sys/sdt.h>. A point in an inline function has several
places.
"""

import struct
import sys

NOTE_TYPE = 3
PROVIDER = "warp"


def sections(image):
    """Returns the sections of a 64-bit ELF file by their names: address and content of each."""
    (table,) = struct.unpack_from("<Q", image, 40)
    entry_size, count, names = struct.unpack_from("<HHH", image, 58)
    headers = [struct.unpack_from("<IIQQQQ", image, table + i * entry_size) for i in range(count)]
    strings = headers[names][4]
    found = {}
    for name, _, _, address, offset, size in headers:
        begin = strings + name
        text = image[begin : image.index(b"\0", begin)].decode()
        found[text] = (address, image[offset : offset + size])
    return found


def stop_points(program):
    """Returns the addresses of each point, relative to where the program is loaded, by its name."""
    with open(program, "rb") as file:
        found = sections(file.read())
    base = found.get(".stapsdt.base", (0, b""))[0]
    _, notes = found.get(".note.stapsdt", (0, b""))
    points, at = {}, 0
    while at < len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, at)
        begin = at + 12 + (name_size + 3 & ~3)
        at = begin + (size + 3 & ~3)
        if kind != NOTE_TYPE:
            continue
        address, linked_base, _ = struct.unpack_from("<QQQ", notes, begin)
        provider, name, _ = notes[begin + 24 : begin + size].decode().split("\0", 2)
        if provider == PROVIDER:
            points.setdefault(name, []).append(address + base - linked_base)
    return points


if __name__ == "__main__":
    print("\n".join(sorted(stop_points(sys.argv[1]))))
