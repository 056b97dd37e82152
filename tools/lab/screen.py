"""What a demonstration shows while it runs: lines that a terminal draws over themselves, and events below them."""

import re
import shutil
import sys

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def size():
    """Returns the columns and rows of the terminal; 100 and 40 where there is none, and COLUMNS and LINES do not say."""
    return shutil.get_terminal_size((100, 40))


def cut(line, columns):
    """Returns as much of the line as fits. A longer one would take two rows, and the screen would move at each drawing."""
    plain = ESCAPE.sub("", line)
    return line if len(plain) <= columns else plain[:columns]


class Screen:
    """A terminal draws the lines over themselves; any other output repeats them now and then."""

    def __init__(self):
        self.tty = sys.stdout.isatty()
        self.height = 0
        self.last = -10.0
        self.events = []

    def event(self, text):
        self.events.append(text)
        if not self.tty:
            print(text, flush=True)

    def draw(self, elapsed, lines, otherwise=None):
        """Shows the lines. `otherwise` are those that are repeated where there is no terminal, if they are others."""
        if self.tty:
            columns, rows = size()
            # What does not fit is left out at the bottom: above the terminal's first row nothing can be drawn over.
            lines = [cut(line, columns) for line in lines + [""] + self.events[-6:]][: rows - 1]
            up = f"\x1b[{self.height}F" if self.height else ""
            print(up + "".join(f"\x1b[K{line}\n" for line in lines) + "\x1b[J", end="", flush=True)
            self.height = len(lines)
        elif elapsed - self.last >= 2:
            self.last = elapsed
            print("\n".join(otherwise or lines), flush=True)
