"""Runs `warp top` in a terminal that the test plays (pty(7)), over a daemon that it plays as well: top_test.py WARP"""

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

from control_socket import Daemon

WARP = sys.argv[1]
PATIENCE = 60  # seconds, for what must not hang


class TopTest(unittest.TestCase):
    def setUp(self):
        self.here = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.here)
        self.socket = f"{self.here}/d.sock"
        self.program = None
        self.seen = ""

    def daemon(self):
        daemon = Daemon(self.socket)
        self.addCleanup(daemon.close)
        return daemon

    def resize(self, columns, rows):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if self.program:
            self.program.send_signal(signal.SIGWINCH)  # as the terminal does with its foreground process

    def start(self, term="xterm-256color", locale="C.UTF-8"):
        self.terminal, theirs = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        self.before = termios.tcgetattr(theirs)
        self.resize(80, 24)
        environment = {"TERM": term, "LC_ALL": locale, "PATH": os.environ["PATH"]}
        self.program = subprocess.Popen(
            [WARP, "top", "--socket", self.socket], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True)
        self.addCleanup(self.end)
        self.addCleanup(os.close, theirs)
        self.theirs = theirs

    def end(self):
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()

    def type(self, keys):
        self.seen = ""
        os.write(self.terminal, keys.encode())

    def see(self, *words):
        """Waits until all words were written, since the last keys. What stands already is not written again."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if all(word in self.seen for word in words):
                return self.seen
            if select.select([self.terminal], [], [], 1)[0]:
                with contextlib.suppress(OSError):
                    self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][B0]|\x0f", " ", os.read(self.terminal, 65536).decode(errors="replace"))
        raise AssertionError(f"no {words} in {self.seen!r}")

    def test_it_shows_the_daemon_takes_keys_and_leaves_the_terminal_as_it_was(self):
        daemon = self.daemon()
        self.start()
        self.see("It works", "fibre", "lte", "198.51.100.7:1", "rate", "delay", "loss", "q quit", "▁")
        self.type("\t")
        self.see("[Tunnels]", "office", "warp0")
        self.type("\t")
        self.see("[Drops]", "malformed")
        self.type("h")
        self.see("Page up, Page down")
        self.type("h")
        self.see("[Drops]")
        self.type("p")
        self.see("paused at")
        daemon.answers["status"]["ports"][1] |= {"state": "down", "reason": "no link"}
        self.type("p")
        self.see("link lte is down")
        self.type("q")
        self.assertEqual(self.program.wait(PATIENCE), 0)
        self.assertEqual(termios.tcgetattr(self.theirs), self.before)

    def test_it_follows_the_size_of_the_terminal(self):
        self.daemon()
        self.start()
        self.see("It works", "198.51.100.7:1")
        self.seen = ""
        self.resize(150, 40)
        self.see("198.51.100.7:13116 ")
        self.seen = ""
        self.resize(20, 5)
        self.see("too small")
        self.seen = ""
        self.resize(80, 24)
        self.see("q quit")

    def test_a_daemon_that_is_away_comes_and_goes(self):
        self.start()
        self.see("The daemon does not answer")
        daemon = self.daemon()
        self.see("It works")
        daemon.close()
        os.unlink(self.socket)
        self.seen = ""
        self.see("does not answer")
        self.type("q")
        self.assertEqual(self.program.wait(PATIENCE), 0)

    def test_a_terminal_of_letters_alone(self):
        self.daemon()
        self.start(term="vt100", locale="C")
        seen = self.see("It works", "fibre", "delay 20.5 ms", "#")
        self.assertTrue(seen.isascii(), seen)

    def test_interrupted_it_leaves_the_terminal_as_it_was(self):
        self.daemon()
        self.start()
        self.see("It works")
        self.program.send_signal(signal.SIGINT)
        self.program.wait(PATIENCE)
        self.assertEqual(termios.tcgetattr(self.theirs), self.before)

    def refuses(self, sentence, **how):
        result = subprocess.run([WARP, "top", "--socket", self.socket], stderr=subprocess.PIPE, text=True, timeout=PATIENCE, **how)
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, r"\Awarp: [^\n]+\n\Z")
        self.assertIn(sentence, result.stderr)

    def test_without_a_terminal_it_says_so(self):
        self.refuses("top needs a terminal", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        terminal, theirs = pty.openpty()
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, theirs)
        self.refuses("top needs a terminal", stdin=theirs, stdout=subprocess.DEVNULL)
        environment = {"TERM": "of-another-time", "PATH": os.environ["PATH"]}
        self.refuses('"of-another-time" (TERM)', stdin=theirs, stdout=theirs, env=environment)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
