"""Waits until an expression over the status of a daemon is true: lab_status.py SOCKET EXPRESSION SECONDS

Prints the value and exits with 0. If the time is up first, it prints the status and exits with 1. The expression is
Python; it may use `status` (the parsed object) and the functions below.
"""

import json
import socket
import sys
import time


def read_status(path):
    """Returns the object that the daemon behind this control socket writes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(b"status\n")
        text = b""
        while chunk := connection.recv(1 << 16):
            text += chunk
    return json.loads(text)


def names(status):
    """Returns the names that an expression may use."""

    def paths(port=None, to=""):
        """Returns the paths of all peers; with `port` those of one port, with `to` those to endpoints that begin so."""
        return [
            path
            for peer in status.get("peers", [])
            for path in peer["paths"]
            if port in (None, path["port"]) and path["endpoint"].startswith(to)
        ]

    def active(port=None, to=""):
        """Counts the paths that carry payloads."""
        return sum(path["state"] == "active" for path in paths(port, to))

    def drop(name):
        """Counts the drops of this name."""
        return status["drops"].get(name, 0)

    def path(port, to):
        (one,) = paths(port, to)
        return one

    return {"status": status, "paths": paths, "path": path, "active": active, "drop": drop}


def await_true(read, expression, seconds):
    """Waits until the expression is true over what read() returns, and prints its value. Returns the exit status."""
    end = time.monotonic() + seconds
    status, reason = None, "it is false"
    while True:
        try:
            status = read()
            value = eval(expression, names(status))
            if value:
                print(value)
                return 0
            reason = f"it is {value!r}"
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            reason = repr(error)
        if time.monotonic() > end:
            break
        time.sleep(0.02)
    print(f"not within {seconds} s: {expression}: {reason}", file=sys.stderr)
    if status:
        for one in names(status)["paths"]():
            shown = ("port", "endpoint", "state", "reason", "first", "tx_packets")
            print("  path", {key: one.get(key) for key in shown}, file=sys.stderr)
        print("  drops", status.get("drops"), file=sys.stderr)
    return 1


def main():
    path, expression, seconds = sys.argv[1:]
    return await_true(lambda: read_status(path), expression, float(seconds))


if __name__ == "__main__":
    sys.exit(main())
