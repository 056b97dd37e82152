"""A file of JSON lines that another program is still writing."""

import json


class Tail:
    """Reads what has come since the last time. Lines that are no objects are what the program says besides."""

    def __init__(self, path):
        self.path, self.read_so_far, self.rest = path, 0, b""

    def read(self):
        """Returns the objects of the lines that have become complete."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.read_so_far)
                text = file.read()
        except FileNotFoundError:
            return []
        self.read_so_far += len(text)
        *lines, self.rest = (self.rest + text).split(b"\n")
        return [json.loads(line) for line in lines if line.startswith(b"{")]
