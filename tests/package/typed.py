"""Types a line with tabs at a shell on a terminal, as a person does: typed.py ROOT SHELL LINE EXPECTED…

The shell is that of the Debian in ROOT. The command of the line is one that writes its name and its arguments to /typed,
one a line, so that what counts is what the shell has made of the line and not how it draws it. EXPECTED are those lines.
"""

import os
import pathlib
import pty
import select
import sys
import time

ROOT, SHELL, LINE, *EXPECTED = sys.argv[1:]
PATIENCE = 120  # seconds, of a machine that has little time
TYPED = pathlib.Path(ROOT, "typed")


def read(terminal, seconds):
    """Returns what the shell writes in that time, at most, and nothing once it has ended."""
    if not select.select([terminal], [], [], seconds)[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def main():
    TYPED.unlink(missing_ok=True)
    child, terminal = pty.fork()
    if child == 0:
        environment = {"HOME": "/root", "TERM": "xterm", "LC_ALL": "C.UTF-8", "PATH": "/usr/local/bin:/usr/sbin:/usr/bin"}
        os.chroot(ROOT)
        os.chdir("/root")
        os.execve(f"/usr/bin/{SHELL}", [SHELL, "-i"], environment)
    screen = b""
    deadline = time.monotonic() + PATIENCE
    # A shell may throw away what was typed before its first prompt.
    while b"ready>" not in screen and time.monotonic() < deadline:
        screen += read(terminal, 1)
    os.write(terminal, LINE.replace("<Tab>", "\t").encode() + b"\r")
    while not TYPED.exists() and time.monotonic() < deadline:
        screen += read(terminal, 0.1)
    os.kill(child, 9)
    os.waitpid(child, 0)
    said = TYPED.read_text().splitlines() if TYPED.exists() else None
    if said != EXPECTED:
        sys.exit(f"{SHELL}: {LINE!r} came to {said}, and not {EXPECTED}; its terminal had {screen!r}")


main()
