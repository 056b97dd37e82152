"""Talks to a guest, and to the machine that QEMU makes for it.

  console.py run DIRECTORY COMMAND          runs a shell command in the guest: prints what it prints, exits as it does
  console.py status DIRECTORY NODE EXPRESSION SECONDS
                                            waits until it is true of that node in the guest (lab_status.py)
  console.py monitor DIRECTORY COMMAND      gives QEMU's monitor a command; whatever it answers is an error
  console.py cable DIRECTORY CARD on|off    plugs the cable of a card in or out; prints the guest's uptime before and
                                            after, in hundredths of a second

DIRECTORY has the sockets: guest.sock, behind which a shell reads the guest's second serial line (verbs/init), and
qmp.sock, QEMU's own.
"""

import json
import os
import re
import secrets
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/lab"))
import lab_status

SECONDS = 300  # in which a command prints nothing: long beyond what any takes in a guest without KVM


def connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(SECONDS)
    connection.connect(path)
    return connection


class Guest:
    """The shell in the guest."""

    def __init__(self, directory):
        self.connection = connect(f"{directory}/guest.sock")

    def run(self, command, show=lambda text: None):
        """Returns what the command printed, and its exit status. What it prints is shown as it comes."""
        # The marker is put together by the shell, so that no echo of the line can pass for it.
        token = secrets.token_hex(8)
        line = f"{{ {command}\n}} </dev/null 2>&1; printf '@%s %d@' {token} $?\n"
        self.connection.sendall(line.encode())
        text, shown = b"", 0
        while True:
            end = re.search(rb"@%s (\d+)@" % token.encode(), text)
            # The marker may come in pieces, and follows what may be no line.
            lines = end.start() if end else text.rfind(b"\n") + 1
            show(text[shown:lines].decode(errors="replace"))
            shown = max(shown, lines)
            if end:
                return text[: end.start()].decode(errors="replace"), int(end.group(1))
            text += self._receive()

    def _receive(self):
        piece = self.connection.recv(1 << 16)
        if not piece:
            raise OSError("the guest has ended")
        return piece

    def uptime(self):
        return int(self.run("cut -d ' ' -f 1 /proc/uptime | tr -d .")[0])

    def status(self, node):
        # Writing it costs a guest without KVM so much that it would have time for little else.
        time.sleep(0.2)
        return json.loads(self.run(f"warp status --json --socket /run/lab/{node}.sock")[0])


class Monitor:
    """QEMU's monitor, by its machine protocol."""

    def __init__(self, directory):
        self.stream = connect(f"{directory}/qmp.sock").makefile("rw")
        self.stream.readline()  # its greeting
        self._ask("qmp_capabilities", {})

    def command(self, line):
        """Runs a command as a person would type it, and returns what it would print: nothing where all is well."""
        return self._ask("human-monitor-command", {"command-line": line})

    def _ask(self, name, arguments):
        self.stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "error" in answer:
                raise OSError(answer["error"])
            if "return" in answer:  # and not an event
                return answer["return"]


def main():
    verb, directory, *arguments = sys.argv[1:]
    if verb == "run":
        _, status = Guest(directory).run(arguments[0], lambda text: print(text, end="", flush=True))
        return status
    if verb == "status":
        node, expression, seconds = arguments
        guest = Guest(directory)
        return lab_status.await_true(lambda: guest.status(node), expression, float(seconds))
    if verb == "monitor":
        answer = Monitor(directory).command(arguments[0])
        print(answer, end="")
        return 1 if answer else 0
    if verb == "cable":
        guest, monitor = Guest(directory), Monitor(directory)
        before = guest.uptime()
        monitor.command(f"set_link {arguments[0]} {arguments[1]}")
        print(before, guest.uptime())
        return 0
    raise ValueError(verb)


if __name__ == "__main__":
    sys.exit(main())
