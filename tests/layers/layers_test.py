"""Checks the architecture: layers_test.py CHECK SOURCE BUILD

Each check prints what breaks its rule, file by file, and then exits with 1. docs/contributing.md explains the rules.
"""

import json
import os
import re
import shutil
import subprocess
import sys

SKIPPED = 77

# The parts of the project that code of a directory may include. A file belongs to the first layer that its path begins
# with.
LAYERS = {
    "dataplane/wire": ["dataplane/wire"],
    "dataplane/os": ["dataplane/wire", "dataplane/os"],
    "dataplane/facade": ["dataplane/wire", "dataplane/facade"],
    "dataplane/lcore": ["dataplane/wire", "dataplane/os", "dataplane/facade", "dataplane/lcore"],
    "control/protocol": ["dataplane/wire", "control/protocol"],
    # Os, because it reads files.
    "control/config": ["dataplane/wire", "dataplane/os", "control/config"],
    "control/loop": ["dataplane/wire", "dataplane/os", "control/loop"],
    "control/stream": ["dataplane/wire", "dataplane/os", "control/stream"],
    "control/status/status_server": ["dataplane/wire", "dataplane/os", "control/loop", "control/status/status_server"],
    "control/status/drops_json": ["dataplane/wire", "control/status/drops_json"],
    "control/status/status_version": ["control/status/status_version"],
    "control/status/reload_requests": ["dataplane/wire", "control/config", "control/loop", "control/reload"]
    + ["control/status/status_server", "control/status/reload_requests"],
    "control/reload": ["dataplane/wire", "control/config", "control/loop", "control/reload"],
    "control/gate/tun/packet": ["dataplane/wire", "control/gate/tun/packet"],
    "map-server": ["dataplane/wire", "dataplane/os", "control/protocol", "control/config", "map-server"]
    + ["control/loop", "control/reload", "control/stream", "control/status/status_server"]
    + ["control/status/drops_json"]
    + ["control/status/reload_requests", "control/status/status_version"],
    "tools/link/model": ["tools/link/model", "tools/gauge/latency_histogram"],
    "tools/watch/model": ["tools/watch/model", "tools/ask/values", "tools/terminal"],
    "tools": ["dataplane/wire", "dataplane/os", "control/config", "control/loop/names", "tools"],
    "control": ["dataplane/wire", "dataplane/os", "dataplane/facade", "control"],
}

MAX_LINES = 350
MAX_COLUMNS = 120
MAX_UNITS = 10
LARGE_ROOMS = {
    "tests/fuzz": "one target a unit, beside what replays their corpora",
    "tools/gauge": "one verb of the gauge a unit, beside the few parts that they share",
}

OURS = ("dataplane/", "control/", "map-server/", "tools/", "tests/")

# Code without I/O: it uses neither sockets nor files nor a clock.
PURE = ["dataplane/wire", "control/protocol", "control/gate/tun/packet", "tools/link/model", "tools/watch/model"]
WORLD = re.compile(
    r"<(sys/(socket|epoll|timerfd|ioctl|un|time)\.h|netinet/.*|linux/.*|net/.*|netdb\.h|poll\.h|fcntl\.h|unistd\.h"
    r"|time\.h|ctime|fstream|thread|liburing\.h)>"
)
CLOCK = re.compile(r"(clock_gettime|gettimeofday|_clock::now|absl::Now|std::time|\btime\(nullptr\))")

TOP_LEVEL = {
    "meson.build", "dataplane", "control", "map-server", "tools", "tests", "perf", "docs", "README.md", "LICENSE",
}  # fmt: skip


def tracked(source):
    """Returns the project's files: those that git knows, or all files of a tree without git."""
    if os.path.exists(os.path.join(source, ".git")):
        command = ["git", "-c", "safe.directory=*", "-C", source, "ls-files", "-co", "--exclude-standard"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [name for name in output.splitlines() if os.path.exists(os.path.join(source, name))]
    found = []
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if not name.startswith((".", "build", "__pycache__"))]
        found += [os.path.relpath(os.path.join(folder, name), source) for name in files]
    return found


def code(source):
    return sorted(name for name in tracked(source) if name.endswith((".h", ".cc")))


def read(source, name):
    with open(os.path.join(source, name), encoding="utf-8") as file:
        return file.read()


def includes(text):
    """Returns what the text includes, with brackets or quotes."""
    return re.findall(r'^\s*#\s*include\s+([<"][^>"]+[>"])', text, re.MULTILINE)


def belongs(name, layer):
    """Returns whether a file is in the folder `layer`, or is layer.h or layer.cc itself."""
    return name.startswith((layer + "/", layer + "."))


def layer_of(name):
    return next((layer for layer in LAYERS if belongs(name, layer)), None)


def check_includes(source, _build):
    """Each layer includes only those below it, and only dataplane/lcore includes DPDK."""
    for name in code(source):
        layer = layer_of(name)
        if layer is None:
            continue
        for include in includes(read(source, name)):
            inner = include[1:-1]
            if inner.startswith(OURS):
                if not any(belongs(inner, below) for below in LAYERS[layer]):
                    yield f"{name}: includes {inner}, which is not below {layer}"
            elif inner.startswith("rte_") and layer != "dataplane/lcore":
                yield f"{name}: includes {inner}: DPDK belongs to dataplane/lcore"


def check_facade(source, _build):
    """What control sees of the dataplane is headers alone, which show nothing of DPDK, however indirectly."""
    todo = [name for name in code(source) if name.startswith("dataplane/facade/")]
    seen = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if not name.endswith(".h"):
            yield f"{name}: the facade is headers alone"
        for include in includes(read(source, name)):
            if include[1:].startswith("rte_"):
                yield f"{name}: includes {include}, and is seen by control"
            elif include[1:].startswith(OURS):
                todo.append(include[1:-1])


def check_rooms(source, _build):
    """No two rooms include each other, however indirectly: a folder's root is a vocabulary or a face of its rooms."""
    edges = {}
    for name in code(source):
        room = os.path.dirname(name)
        if layer_of(name) is None:
            continue
        for include in includes(read(source, name)):
            other = os.path.dirname(include[1:-1])
            if include[1:].startswith(OURS) and other != room:
                edges.setdefault(room, {}).setdefault(other, f"{name} includes {include[1:-1]}")

    def way(start, goal, seen):
        """Returns the includes that lead from one room to another, or none."""
        for other, reason in edges.get(start, {}).items():
            if other == goal:
                return [reason]
            if other not in seen:
                seen.add(other)
                if rest := way(other, goal, seen):
                    return [reason, *rest]
        return None

    for room in sorted(edges):
        if circle := way(room, room, set()):
            yield f"{room}: is included by what it includes: " + ", ".join(circle)


def check_units(source, _build):
    """A room has at most ten units (a source with its header) at its root: above that it has rooms of its own."""
    units = {}
    for name in code(source):
        if name.endswith(".cc"):
            units.setdefault(os.path.dirname(name), []).append(name)
    for room, names in units.items():
        if len(names) > MAX_UNITS and room not in LARGE_ROOMS:
            yield f"{room}: has {len(names)} units"
    for room in LARGE_ROOMS:
        if len(units.get(room, [])) <= MAX_UNITS:
            yield f"{room}: is no large room"


def check_length(source, _build):
    """A file holds one noun, and a file beyond the limit holds two. Tests may be longer, because they list cases."""
    for name in code(source):
        lines = read(source, name).count("\n")
        if lines > MAX_LINES and not name.startswith("tests/"):
            yield f"{name}: has {lines} lines"


def check_columns(source, _build):
    """Comments and the prose of documents keep to 120 columns; clang-format looks after the code."""
    # Docs/config.md is generated, with a paragraph for each key.
    for name in sorted(set(tracked(source)) - {"docs/config.md"}):
        if name.endswith((".h", ".cc")):
            prose = re.compile(r"\s*//")
            text = read(source, name)
        elif name.endswith(".md"):
            prose = re.compile(r"[^|]")
            blocks = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
            text = blocks.sub(lambda block: "\n" * block.group().count("\n"), read(source, name))
        else:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > MAX_COLUMNS and prose.match(line):
                yield f"{name}:{number}: has {len(line)} columns"


def check_pure(source, _build):
    """Wire and protocol have no sockets and no clock: time and datagrams come and go as parameters."""
    for name in code(source):
        if layer_of(name) not in PURE:
            continue
        text = read(source, name)
        for include in includes(text):
            if WORLD.match(include):
                yield f"{name}: includes {include}"
        for found in CLOCK.findall(re.sub(r"//.*", "", text)):
            yield f"{name}: reads a clock: {found}"


def check_headers(source, _build):
    """A header stands on its own: its source file includes it first. Its guard is its path."""
    names = set(code(source))
    for name in sorted(names):
        text = read(source, name)
        if name.endswith(".h"):
            guard = "WARP_" + re.sub(r"[^A-Z0-9]", "_", name.upper()) + "_"
            if f"#ifndef {guard}\n#define {guard}\n" not in text:
                yield f"{name}: its guard is not {guard}"
        elif name[:-3] + ".h" in names and includes(text)[:1] != [f'"{name[:-3]}.h"']:
            yield f"{name}: does not include its own header first"


def check_symbols(_source, build):
    """The map and the command line are made without DPDK."""
    for program in ("map-server/warp-map", "tools/warp"):
        path = os.path.join(build, program)
        needed = subprocess.run(["readelf", "--dynamic", path], check=True, capture_output=True, text=True).stdout
        for library in re.findall(r"NEEDED.*\[(librte_[^]]*)\]", needed):
            yield f"{program}: needs {library}"
        symbols = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
        for symbol in re.findall(r"\b(rte_\w+)$", symbols, re.MULTILINE):
            yield f"{program}: has {symbol}"


def check_top_level(source, _build):
    """The top level is what docs/contributing.md says, and nothing else."""
    found = {name.split("/")[0] for name in tracked(source)}
    for name in sorted(TOP_LEVEL - found):
        yield f"{name}: is missing at the top level"
    for name in sorted(found - TOP_LEVEL):
        if not name.startswith("."):
            yield f"{name}: does not belong at the top level"


def check_format(source, _build):
    """clang-format would change no file."""
    if not shutil.which("clang-format"):
        sys.exit(SKIPPED)
    command = ["clang-format", "--dry-run", "--Werror", "--ferror-limit=1", *code(source)]
    result = subprocess.run(command, cwd=source, capture_output=True, text=True)
    wrong = re.findall(r"^([^:\s]+):\d+:\d+: error: code should be clang-formatted", result.stderr, re.MULTILINE)
    yield from sorted(set(wrong))
    if result.returncode and "clang-formatted" not in result.stderr:
        yield result.stderr


def drop_rows(source):
    """Returns the lines that the table in docs/operations.md must have, made from dataplane/wire/drop.h."""
    pattern = re.compile(r'X\(k\w+,[\s\\]*"(\w+)",[\s\\]*((?:"[^"]*"[\s\\]*)+)\)')
    for name, meaning in pattern.findall(read(source, "dataplane/wire/drop.h")):
        yield name, "".join(re.findall(r'"([^"]*)"', meaning))


def check_drops(source, _build):
    """Every drop is explained to operators in the words of the code, and no other is."""
    table = read(source, "docs/operations.md").partition("\n## Drops\n")[2]
    documented = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", table, re.MULTILINE))
    rows = dict(drop_rows(source))
    for name, meaning in rows.items():
        if documented.get(name) != meaning:
            yield f"docs/operations.md: lacks | `{name}` | {meaning} |"
    for name in sorted(set(documented) - set(rows)):
        yield f"docs/operations.md: {name} is no drop"


def check_stop_points(source, _build):
    """Every point at which a test can stop a thread is explained, and no other is."""
    section = read(source, "docs/threads.md").partition("\n## Stop points\n")[2]
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", section, re.MULTILINE))))
    points = set()
    for name in code(source):
        if layer_of(name) is not None and not name.endswith("/stop_point.h"):
            points |= set(re.findall(r"\bWARP_STOP_POINT\((\w+)\)", read(source, name)))
    for name in sorted(points ^ documented):
        yield f"docs/threads.md: {name} is {'no stop point' if name in documented else 'missing'}"


def productions(text, start):
    """Returns the productions of the grammar in a text by name, without remarks. Lines of the grammar begin with `start`."""
    found = re.findall(rf"^{start}([a-z][a-z0-9-]*) += ([^;\n]*)", text, re.MULTILINE)
    return [(name, " ".join(definition.split())) for name, definition in found]


def check_grammar(source, _build):
    """Each production of docs/wire-format.md stands above its codec in the same words, and no other does."""
    blocks = re.findall(r"^```\n(.*?)^```$", read(source, "docs/wire-format.md"), re.MULTILINE | re.DOTALL)
    documented = dict(productions("\n".join(blocks), ""))
    written = set()
    for name in code(source):
        if not name.endswith(".h") or layer_of(name) not in PURE:
            continue
        for production, definition in productions(read(source, name), "//   "):
            written.add(production)
            if documented.get(production) != definition:
                yield f"{name}: {production} = {definition}: docs/wire-format.md has {documented.get(production)}"
    for production in sorted(set(documented) - written):
        yield f"docs/wire-format.md: {production} stands in no header"


def check_pictures(source, _build):
    """The pictures of docs/state-machines.md are those of the headers they name, and no machine's picture is missing."""
    pictures = re.findall(r"^```text (\S+\.h)\n(.*?)^```$", read(source, "docs/state-machines.md"), re.MULTILINE | re.DOTALL)
    for name, picture in pictures:
        if "".join(f"//{line}\n" for line in picture.splitlines()) not in read(source, name):
            yield f"docs/state-machines.md: the picture of {name} is not the one in that header"
    shown = {name for name, _ in pictures}
    for name in code(source):
        if name.startswith("control/protocol/") and name not in shown and re.search("^// .*┌", read(source, name), re.MULTILINE):
            yield f"{name}: its picture is missing in docs/state-machines.md"


def check_timers(source, _build):
    """The table of docs/state-machines.md has the timers of the code with their defaults, and no other."""
    unit_ms = {"ms": 1, "milliseconds": 1, "s": 1000, "seconds": 1000}
    configured = re.findall(r"\bX\((\w+), ([\d']+),", read(source, "dataplane/wire/session/timers.h"))
    fixed = re.findall(r"^  Duration (\w+) = std::chrono::(\w+)\((\d+)\);", read(source, "control/protocol/constants.h"), re.MULTILINE)
    coded = {name: int(ms.replace("'", "")) for name, ms in configured}
    coded |= {name: int(count) * unit_ms[unit] for name, unit, count in fixed}
    section = read(source, "docs/state-machines.md").split("\n## Timers\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) (m?s) \|", section, re.MULTILINE)
    documented = {name: int(count) * unit_ms[unit] for name, count, unit in rows}
    for name in sorted(coded.keys() | documented.keys()):
        if coded.get(name) != documented.get(name):
            yield f"docs/state-machines.md: {name} is {documented.get(name)} ms, and {coded.get(name)} ms in the code"


def check_paths(source, _build):
    """Every file that a document names exists. Documents name a file by its path from the top, or by enough of its end."""
    files = set(tracked(source))
    slashes = [(name, at) for name in files for at, letter in enumerate(name) if letter == "/"]
    known = files | {name[:at] for name, at in slashes}
    tails = {name[at + 1 :] for name, at in slashes}
    word = r"(?<![\w./<$-])[\w.-]+(?:/[\w.-]+)*(?![\w/*<{])"
    for document in sorted(name for name in files if name.endswith(".md")):
        code_blocks = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
        text = read(source, document)
        quoted = re.findall(r"`[^`\n]+`", code_blocks.sub("", text))
        named = {name for name in re.findall(word, " ".join(quoted)) if re.search(r"\.(h|cc|c|py|sh|md)$", name)}
        rooted = {
            name
            for name in re.findall(word, " ".join(quoted + code_blocks.findall(text)))
            if "/" in name and name.split("/")[0] in TOP_LEVEL
        }
        for name in sorted((named - tails | rooted) - known):
            yield f"{document}: there is no {name}"


def check_precompiled(_source, build):
    """What a compiler is told to include first is the precompiled header: after anything else GCC would ignore it."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    for unit in commands:
        included = re.findall(r"-include (\S+)", unit["command"])
        if any(name.startswith("precompiled_") for name in included[1:]):
            yield f"{unit['output']}: includes {included[0]} first, so that {included[-1]} is parsed anew"


def main():
    check, source, build = sys.argv[1:4]
    problems = list(globals()["check_" + check](source, build))
    print("\n".join(problems) or "ok")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
