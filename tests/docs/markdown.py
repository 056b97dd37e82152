"""The documents of a tree: their headings, links, code spans and blocks."""

import collections
import os
import re
import subprocess

Block = collections.namedtuple("Block", "line language marker text")
Link = collections.namedtuple("Link", "line target")

FENCED = re.compile(r"^(?:<!-- (?P<marker>[^\n]*) -->\n)?```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


class Tree:
    """The files of a source tree. `changed` has texts, by name, that stand in place of those of the files."""

    def __init__(self, source, changed=None):
        self.source = source
        self.changed = changed or {}
        self.files = self._tracked()

    def _tracked(self):
        if os.path.exists(os.path.join(self.source, ".git")):
            command = ["git", "-c", "safe.directory=*", "-C", self.source, "ls-files", "-co", "--exclude-standard"]
            names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
            return sorted(name for name in names if os.path.exists(os.path.join(self.source, name)))
        found = []
        for folder, folders, files in os.walk(self.source):
            folders[:] = [name for name in folders if not name.startswith((".", "build", "__pycache__"))]
            found += [os.path.relpath(os.path.join(folder, name), self.source) for name in files]
        return sorted(found)

    def documents(self):
        return [name for name in self.files if name.endswith(".md")]

    def read(self, name):
        """Returns a file's text, or none where it is no text."""
        if name in self.changed:
            return self.changed[name]
        try:
            with open(os.path.join(self.source, name), encoding="utf-8") as file:
                return file.read()
        except UnicodeDecodeError:
            return ""


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def prose(text):
    """Returns the text with empty lines in place of code blocks, so that lines keep their numbers."""
    return FENCED.sub(lambda block: "\n" * block.group().count("\n"), text)


def blocks(text):
    """Returns the code blocks. A comment right above one is its marker."""
    return [
        Block(line_of(text, found.start("text")), found["language"], found["marker"] or "", found["text"])
        for found in FENCED.finditer(text)
    ]


def indented(text):
    """Returns the lines that four spaces make code, with their numbers."""
    return [(number, line[4:]) for number, line in enumerate(prose(text).split("\n"), 1) if line.startswith("    ")]


def spans(text):
    """Returns what stands between backticks, with its line. A span may go on in the next line of its paragraph."""
    plain = prose(text)
    return [
        (line_of(plain, found.start()), " ".join(found.group(1).split()))
        for found in re.finditer(r"`([^`\n]+(?:\n[^`\n]+)?)`", plain)
    ]


def anchors(text):
    """Returns the anchors of the headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        again = 0
        while (name := anchor if again == 0 else f"{anchor}-{again}") in found:
            again += 1
        found.add(name)
    return found


def links(text):
    plain = re.sub(r"`[^`\n]*`", lambda code: " " * len(code.group()), prose(text))
    return [Link(line_of(plain, found.start()), found.group(1)) for found in re.finditer(r"\]\(([^)\s]+)\)", plain)]
