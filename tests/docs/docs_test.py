"""Holds the documents against the code and each other: docs_test.py CHECK SOURCE BUILD

Each check prints what breaks its rule and then exits with 1. docs/contributing.md has the rules; breaking_test.py shows
that each check fails where its rule is broken.
"""

import functools
import os
import posixpath
import re
import subprocess
import sys
import tempfile

from command_line import PROGRAMS, Programs, commands, split, words_of
from markdown import Tree, anchors, blocks, indented, links, prose, spans

# Names of other programs and of the kernel, and those that the tree joins from parts (tests, rows of benchmarks): no file
# has them as a word.
NAMES_OF_OTHERS = {
    "x1_64", "duplicate_drop_64", "open_deliver_64",
    "AllowedCPUs", "MemoryMax", "PrivateNetwork", "NET_ADMIN", "NET_RAW", "SYS_ADMIN", "io_uring_setup",
    "TPACKET_V3", "rte_lpm", "rte_fib", "gso_ipv4_max_size", "amd_iommu", "numa_node", "socket_path",
    "sched_setattr", "transparent_hugepage",
    "tx_burst", "rx_burst", "layers_grammar", "layers_drops",
}  # fmt: skip
KEY = "XzZzrtzTC6AGpth5bNms/zutwrbczRj6Dyn/AjH+4HQ="


@functools.lru_cache(maxsize=None)
def programs_of(build):
    return Programs(build)


def check_links(tree, _build):
    """Each link of a document leads to a file that is there, and to a heading of it."""
    for name in tree.documents():
        for line, target in links(tree.read(name)):
            if re.match(r"^[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            other = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            if other not in tree.files and not any(file.startswith(other + "/") for file in tree.files):
                yield f"{name}:{line}: there is no {other}"
            elif anchor and anchor not in anchors(tree.read(other)):
                yield f"{name}:{line}: {other} has no heading #{anchor}"


def check_map(tree, _build):
    """docs/README.md leads to each document of docs, and README.md to it."""
    led = {posixpath.normpath("docs/" + target.partition("#")[0]) for _, target in links(tree.read("docs/README.md"))}
    for name in tree.documents():
        if name.startswith("docs/") and name not in led | {"docs/README.md"}:
            yield f"docs/README.md: does not lead to {name}"
    if "docs/README.md" not in {target for _, target in links(tree.read("README.md"))}:
        yield "README.md: does not lead to docs/README.md"


def check_contents(tree, _build):
    """A page of more than 200 lines leads, before its first section, to each of its sections."""
    for name in tree.documents():
        above, *sections = re.split(r"^## ", prose(tree.read(name)), flags=re.MULTILINE)
        if tree.read(name).count("\n") <= 200 or len(sections) < 3:
            continue
        led = {target for _, target in links(above)}
        for section in sections:
            title = section.partition("\n")[0]
            anchor = "#" + "".join(anchors("## " + title))
            if anchor not in led:
                yield f"{name}: does not lead to {title} before its first section"


def check_rooms(tree, _build):
    """The table of rooms in docs/architecture.md has each folder of the layers and of the map."""
    table = tree.read("docs/architecture.md").partition("\n## Rooms\n")[2].partition("\n## ")[0]
    named = {span for _, span in spans(table)}
    rooms = {posixpath.dirname(name) for name in tree.files if name.endswith((".h", ".cc"))}
    for room in sorted(rooms):
        top, _, rest = room.partition("/")
        names = {"control": {room}, "dataplane": {room}, "map-server": {rest}}.get(top, set())
        depth = 1 if rest.startswith("lcore") else 0
        if names and rest and rest.count("/") == depth and not names & named:
            yield f"docs/architecture.md: the table of rooms lacks {room}"


def script_complaint(tree, words):
    """Returns what is wrong with a command of a script of the tree, or none: it names its own options in its text."""
    script, *rest = words
    if script not in tree.files:
        return None if any(file.startswith(script + "/") for file in tree.files) else f"there is no {script}"
    text = tree.read(script)
    if script.startswith("perf/"):
        # What the programs of perf share declares options for them.
        text += "".join(tree.read(name) for name in tree.files if name.startswith(("perf/report/", "perf/bond/")))
    for word in rest:
        option = word.partition("=")[0].strip("[]")
        if option.startswith("--") and len(option) > 2 and not re.search(re.escape(option) + r"(?![\w-])", text):
            return f"{script} has no option {option}"
    return None


def complaint(tree, programs, words, whole):
    if words[0] in PROGRAMS:
        return programs.complaint(words, whole)
    return script_complaint(tree, words)


def check_commands(tree, build):
    """Each command of a document that runs a program or script of ours has verbs, options and arguments that exist."""
    programs = programs_of(build)
    for name in tree.documents():
        text = tree.read(name)
        for block in blocks(text):
            if block.language not in ("", "sh", "bash", "ini") or re.search("[│─►]", block.text):
                continue
            for line, words in commands(block.text):
                if wrong := complaint(tree, programs, words, whole=True):
                    yield f"{name}:{block.line + line - 1}: {' '.join(words)}: {wrong}"
        spoken = [(line, re.sub(r"[\[\]]", "", span)) for line, span in spans(text)]
        for line, span in spoken + [(line, re.sub(r"[\[\]]", "", code)) for line, code in indented(text)]:
            for words in split(words_of(span)):
                if wrong := complaint(tree, programs, words, whole=False):
                    yield f"{name}:{line}: {' '.join(words)}: {wrong}"


def check_links_of_the_laboratory(tree, build):
    """`warp lab link` accepts the properties in each of its commands: it fails only for want of the interfaces."""
    warp = os.path.join(build, PROGRAMS["warp"])
    found = 0
    for name in tree.documents():
        for block in blocks(tree.read(name)):
            for line, words in commands(block.text):
                if words[:3] != ["warp", "lab", "link"]:
                    continue
                found += 1
                with tempfile.TemporaryDirectory() as folder:
                    for trace in re.findall(r"trace=([\w.]+)", " ".join(words)):
                        with open(os.path.join(folder, trace), "w", encoding="utf-8") as file:
                            file.write("10\n")
                    command = [warp, "lab", "link", "no-such-near", "no-such-far", *words[5:], "--memory", "1"]
                    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
                if 'there is no interface "no-such-near"' not in result.stderr:
                    yield f"{name}:{block.line + line - 1}: {' '.join(words)}: {result.stderr.strip()}"
    if not found:
        yield "no document has a command `warp lab link`"


def check_verbs(tree, build):
    """Each verb of `warp` and each option of the daemons stands in a document, in backticks or in a block."""
    programs = programs_of(build)
    typed = set()
    for name in tree.documents():
        text = tree.read(name)
        code = [span for _, span in spans(text)] + [line for block in blocks(text) for line in block.text.split("\n")]
        typed |= {" ".join(words_of(line)) for line in code}
    said = "\n".join(typed)
    for words in programs.all_verbs("warp"):
        if not re.search(rf"\bwarp {' '.join(words)}\b", said):
            yield f"no document has `warp {' '.join(words)}`"
    for daemon in ("warpd", "warp-map"):
        for option in programs.verb(daemon).options:
            if option.startswith("--") and option not in ("--help", "--version") and not re.search(rf"{option}\b", said):
                yield f"no document has the option {option} of {daemon}"


def completed(text):
    """Returns a configuration made of a part of one, and whether it is warp-map's: what it takes for granted is added."""
    letters = iter("BCDEFGHIJKLM")
    text = re.sub(r'"<[^<>\n]+>"', lambda _: f'"{next(letters)}{KEY[1:]}"', text)
    if re.search(r"^(listen|max_registrations|private_key_file|store):", text, re.MULTILINE):
        return text, True
    count = iter(range(1, 100))

    def tunnel(_):
        number = next(count)
        return f'id: {number}, peer: hq, gate: {{loopback: {{listen: "127.0.0.1:{9100 + number}"}}}}}}'

    text = re.sub(r"…\}", tunnel, text)
    if text.startswith("gate:"):
        text = "tunnels:\n  - name: of-the-block\n    id: 1\n    peer: hq\n" + re.sub(r"^(?=.)", "    ", text, flags=re.MULTILINE)
    parts = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    if "node" not in parts:
        text += "node: {private_key_file: private.key}\n"
    elif "private_key_file" not in text:
        text = re.sub(r"^node:\n", "node:\n  private_key_file: private.key\n", text, flags=re.MULTILINE)
    if "ports" not in parts:
        names = set(re.findall(r"\bport: ([\w.-]+)", text)) or {"eth0"}
        text += "ports:\n" + "".join(f"  - {{name: {name}, interface: if-{at}}}\n" for at, name in enumerate(sorted(names)))
    if "peers" not in parts:
        names = sorted(set(re.findall(r"\bpeer: ([\w.-]+)", text)))
        keys = [f"{'BCDEFGHI'[at]}{KEY[1:]}" for at in range(len(names))]
        text += "peers:\n" + "".join(f'  - {{name: {name}, public_key: "{key}"}}\n' for name, key in zip(names, keys))
        text = text if names else text.replace("peers:\n", "")
    return text, False


def configurations(text):
    """Returns the configurations of a document, whole or in parts: (line, YAML)."""
    found = [(block.line, block.text) for block in blocks(text) if block.language == "yaml" and not block.marker.startswith("not WARP")]
    for line, span in spans(text):
        if re.match(r"^(gate|ports|tunnels|peers|node|map): [\[{].*[\]}]$", span) and "…" not in span and "..." not in span:
            found.append((line, span + "\n"))
    return found


def check_configurations(tree, build):
    """`warp check` accepts each configuration, or part of one, that a document shows."""
    warp = os.path.join(build, PROGRAMS["warp"])
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "warpd.yaml")
        for name in tree.documents():
            for line, part in configurations(tree.read(name)):
                whole, is_map = completed(part)
                with open(file, "w", encoding="utf-8") as out:
                    out.write(whole)
                command = [warp, "check", "--no-keys", *(["--map"] if is_map else []), file]
                result = subprocess.run(command, capture_output=True, text=True, check=False)
                if result.returncode:
                    yield f"{name}:{line}: {(result.stderr or result.stdout).strip()}"


def check_generator(tree, build):
    """The script of docs/many-sites.md makes a file that `warp check` accepts, out of the head of a file and a list."""
    script = next((block.text for block in blocks(tree.read("docs/many-sites.md")) if "sites.txt" in block.text), None)
    if script is None:
        yield "docs/many-sites.md: has no script that makes a file"
        return
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "hub-head.yaml"), "w", encoding="utf-8") as file:
            file.write("node: {private_key_file: private.key}\nports:\n  - {interface: eth0}\n")
        with open(os.path.join(folder, "sites.txt"), "w", encoding="utf-8") as file:
            file.write("".join(f"site{letter} {letter}{KEY[1:]}\n" for letter in "ABCDEFGH"))
        path = os.path.abspath(os.path.join(build, "tools")) + ":" + os.environ["PATH"]
        result = subprocess.run(
            ["sh", "-e", "-c", script], capture_output=True, text=True, check=False, cwd=folder, env={"PATH": path}
        )
        if result.returncode:
            yield f"docs/many-sites.md: {result.stderr.strip()}"
            return
        with open(os.path.join(folder, "warpd.yaml"), encoding="utf-8") as file:
            if file.read().count("peer: site") != 8:
                yield "docs/many-sites.md: the script does not make a tunnel for each site"


def check_names(tree, _build):
    """A name of the code's kind in backticks (`like_this`, `LikeThis`) occurs somewhere in the tree."""
    words = set(NAMES_OF_OTHERS)
    for name in tree.files:
        words |= set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", name))
        if name.startswith("tests/"):
            words.add(re.sub(r"\W", "_", name.removeprefix("tests/").partition(".")[0]))  # what its test is called
        if not name.endswith(".md") and not name.startswith(("tests/fuzz/corpus/", "tests/docs/breaking_test")):
            words |= set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", tree.read(name)))
    for name in tree.documents():
        for line, span in spans(tree.read(name)):
            for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", span):
                of_code = re.search(r"[a-z0-9]_[a-z0-9]|[a-z][A-Z]|[A-Z]_[A-Z]", word) and not re.search(r"_[A-Z]+$|_$|[a-z]N$", word)
                if of_code and word not in words:
                    yield f"{name}:{line}: there is no {word}"


def rows(section):
    """Returns the rows of the tables of a text, each as its cells."""
    lines = [line for line in section.split("\n") if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def check_drop_rates(tree, _build):
    """Each drop has what is normal an hour, in the words that stand above the table, and what more of it means."""
    text = tree.read("docs/operations.md")
    section = text.partition("\n## Drops\n")[2].partition("\n## ")[0]
    above = section.partition("\n| name ")[0]
    terms = set(re.findall(r"^\* \*\*([^*]+)\*\*", above, re.MULTILINE))
    if not terms:
        yield "docs/operations.md: does not say how drops are counted by the hour"
    for row in rows(section)[1:]:
        if not row[0].startswith("`"):
            continue
        if len(row) != 4 or not all(row):
            yield f"docs/operations.md: {row[0]}: lacks a column"
        elif not any(re.match(re.escape(term) + r"($|[;:,] )", row[2]) for term in terms):
            yield f"docs/operations.md: {row[0]}: what is normal an hour is none of {', '.join(sorted(terms))}: {row[2]}"


def check_symptoms(tree, _build):
    """Each symptom of docs/troubleshooting.md has something to look at, what the answer means and what to do."""
    text = tree.read("docs/troubleshooting.md")
    sections = re.split(r"^## ", prose(text), flags=re.MULTILINE)[1:]
    if len(sections) < 10:
        yield "docs/troubleshooting.md: has fewer than ten symptoms"
    for section in sections:
        title = section.partition("\n")[0]
        table = rows(section)
        if not re.search(r"^\*\*Look:\*\* .*`", section, re.MULTILINE):
            yield f"docs/troubleshooting.md: {title}: says nothing to look at"
        if len(table) < 2 or table[0] != ["answer", "meaning", "what to do"]:
            yield f"docs/troubleshooting.md: {title}: has no table of answers"
        for row in table[1:]:
            if len(row) != 3 or not all(row):
                yield f"docs/troubleshooting.md: {title}: {row[0]}: lacks a column"


def check_decisions(tree, _build):
    """An entry of docs/decisions.md is short: a name in bold and few sentences. Its figures stand in the appendix."""
    for paragraph in prose(tree.read("docs/decisions.md")).split("\n\n"):
        entry = " ".join(paragraph.split())
        if not entry.startswith("**"):
            continue
        name, _, reason = entry[2:].partition("**")
        sentences = len(re.findall(r"[.!?](?= [A-Z(`\"0-9]|$)", reason))
        if not 1 <= sentences <= 4 or len(entry.split()) > 125:
            yield f"docs/decisions.md: {name}: has {sentences} sentences and {len(entry.split())} words"


def main():
    check, source, build = sys.argv[1:4]
    problems = list(globals()["check_" + check](Tree(source), build))
    print("\n".join(problems) or "ok")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
