"""Plays a listener on the wire: secrecy.py SECONDS PAYLOAD_SIZE SECRET… -- INTERFACE…

Catches WARP's datagrams at the interfaces for SECONDS. Fails if one of them shows a secret (a text, or base64 whose octets
are secret, too), carries no UDP checksum or a wrong one, or if no payloads of PAYLOAD_SIZE passed with at most 36 bytes
around them.
"""

import base64
import binascii
import collections
import select
import sys
import time

from warp_frames import catch, open_interface

OVERHEAD = 36


def main():
    end, size = time.monotonic() + float(sys.argv[1]), int(sys.argv[2])
    arguments = sys.argv[3:]
    secrets = [text.encode() for text in arguments[: arguments.index("--")]]
    for text in list(secrets):
        try:
            secrets.append(base64.b64decode(text, validate=True))
        except binascii.Error:
            pass
    interfaces = [open_interface(name) for name in arguments[arguments.index("--") + 1 :]]
    sizes = collections.Counter()
    while time.monotonic() < end:
        for interface in select.select(interfaces, [], [], 0.1)[0]:
            for frame in catch(interface):
                sizes[len(frame.datagram)] += 1
                if not frame.has_right_checksum:
                    sys.exit(f"a datagram of {len(frame.datagram)} bytes has a wrong UDP checksum, or none")
                for secret in secrets:
                    if secret in frame.octets:
                        sys.exit(f"a datagram of {len(frame.datagram)} bytes shows {secret!r}")
    print(f"sizes, and how many: {sorted(sizes.items())}")
    carrying = sum(count for length, count in sizes.items() if size <= length <= size + OVERHEAD)
    # Nothing is larger but padded probes, which are few.
    larger = sum(count for length, count in sizes.items() if length > size + OVERHEAD)
    if not carrying or 10 * larger > carrying:
        sys.exit(f"payloads of {size} bytes did not pass as datagrams of at most {size + OVERHEAD}")


if __name__ == "__main__":
    main()
