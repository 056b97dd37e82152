"""Makes the initial RAM disk of a guest:
initrd.py ARCHIVE FETCHED BUILD --modules NAME,… [--programs NAME,…] [--script FILE] [FILE…]

FETCHED is the directory that tests/guest/fetch has filled, BUILD the one that warpd and warp were built in, which the
guest has beside ip and the drivers of cards. It loads the modules in this order; each brings those that it depends on.
Programs are those of this machine; a script of Python brings the interpreter and what it imports. Each FILE stands in
the guest at the path that it has here. The archive is a cpio of the format `newc`
(Documentation/driver-api/early-userspace/buffer-format.rst of the kernel), uncompressed: a guest without KVM would take
seconds to unpack it.
"""

import argparse
import ast
import glob
import lzma
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# The drivers of DPDK that cards need, and the bus. They are loaded at run time, so that ldd names none of them.
PLUGINS = ["bus_pci", "bus_vdev", "mempool_ring", "net_e1000", "net_virtio", "net_vmxnet3"]


class Archive:
    """A cpio archive that is being written."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.paths = set()

    def add(self, path, data, mode=0o100644):
        """Adds a file, or what else the mode says, with the directories above it. A path counts once."""
        path = path.strip("/")
        if path in self.paths:
            return
        if os.path.dirname(path):
            self.add(os.path.dirname(path), b"", 0o040755)
        self.paths.add(path)
        self._write(path, data, mode)

    def close(self):
        self._write("TRAILER!!!", b"", 0)
        self.file.close()

    def _write(self, path, data, mode):
        name = path.encode() + b"\0"
        inode, links, size = len(self.paths), 1, len(data)
        fields = [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, len(name), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        self.file.write(head + bytes(-len(head) % 4) + data + bytes(-size % 4))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def libraries(program):
    """Returns the paths of the shared libraries that a program or library needs, and of its interpreter."""
    return re.findall(r"(/\S+) \(0x", run("ldd", program).decode())


def add_shared(archive, path):
    """Adds a library at its path, and under its own name if that is a link: a library of two files is loaded twice."""
    real = os.path.realpath(path)
    archive.add(real, read(real), 0o100755)
    if real != path:
        archive.add(path, real.encode(), 0o120777)


def add_program(archive, program, at):
    """Adds a program without its debugging information, and its libraries where they are here."""
    # strip writes only into a file that it can seek in.
    stripped = archive.file.name + ".stripped"
    run("strip", "--strip-debug", "-o", stripped, program)
    archive.add(at, read(stripped), 0o100755)
    os.unlink(stripped)
    for library in libraries(program):
        add_shared(archive, library)


def add_program_here(archive, name):
    """Adds a program of this machine."""
    program = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        sys.exit(f"there is no {name}")
    add_program(archive, os.path.realpath(program), f"usr/bin/{name}")


def add_script(archive, script):
    """Adds a script of Python, to be run by `python3 -S`, with the interpreter and the modules that it imports."""
    archive.add(f"usr/bin/{os.path.basename(script)}", read(script), 0o100755)
    add_program_here(archive, "python3")
    nodes = ast.parse(read(script)).body + ast.parse(read(script)).body[-1].body
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    show = "print(*(getattr(module, '__file__', '') for module in list(sys.modules.values())), sep='\\n')"
    loaded = run("/usr/bin/python3", "-S", "-c", f"import sys, {', '.join(sorted(names))}; {show}").decode()
    for path in filter(os.path.isfile, loaded.splitlines()):
        archive.add(path, read(path), 0o100755)
        if path.endswith(".so"):
            for library in libraries(path):
                add_shared(archive, library)


def add_plugins(archive):
    """Adds the drivers of DPDK, where its library looks for them."""
    for name in PLUGINS:
        (plugin,) = glob.glob(f"/usr/lib/*/dpdk/pmds-*/librte_{name}.so")
        add_shared(archive, plugin)
        for library in libraries(plugin):
            add_shared(archive, library)


def builtin(fetched):
    """Returns the names of the modules that are part of the kernel."""
    (path,) = glob.glob(f"{fetched}/**/modules.builtin", recursive=True)
    return {name_of(line) for line in read(path).decode().split()}


def name_of(path):
    return os.path.basename(path).split(".")[0].replace("-", "_")


def add_modules(archive, fetched, wanted):
    """Adds these modules of the kernel, and a file with their names in an order in which they can be loaded."""
    files = {}
    for path in glob.glob(f"{fetched}/**/*.ko*", recursive=True):
        files[name_of(path)] = path
    order = []

    def add(name):
        if name in order:
            return
        # What another module needs may be built into the kernel.
        if name not in files:
            return
        data = read(files[name])
        if files[name].endswith(".xz"):
            data = lzma.decompress(data)
        needs = re.search(rb"\0depends=([^\0]*)\0", data)
        for need in needs.group(1).decode().split(",") if needs else []:
            add(need.replace("-", "_"))
        archive.add(f"modules/{name}.ko", data)
        order.append(name)

    for name in wanted:
        if name not in files and name not in builtin(fetched):
            sys.exit(f"{fetched} has no module {name}")
        add(name)
    archive.add("modules/order", "\n".join(order).encode() + b"\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("archive")
    parser.add_argument("fetched")
    parser.add_argument("build")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--modules", required=True)
    parser.add_argument("--programs", default="")
    parser.add_argument("--script")
    options = parser.parse_args()
    archive = Archive(options.archive)
    for name in ["dev", "proc", "sys", "tmp", "var/run"]:
        archive.add(name, b"", 0o040755)
    archive.add("bin/busybox", read(f"{options.fetched}/busybox"), 0o100755)
    add_program(archive, f"{options.build}/control/warpd", "usr/bin/warpd")
    add_program(archive, f"{options.build}/tools/warp", "usr/bin/warp")
    for name in filter(None, ["ip", *options.programs.split(",")]):
        add_program_here(archive, name)
    if options.script:
        add_script(archive, options.script)
    add_plugins(archive)
    add_modules(archive, options.fetched, options.modules.split(","))
    for name in os.listdir(f"{HERE}/verbs"):
        archive.add("init" if name == "init" else f"usr/bin/{name}", read(f"{HERE}/verbs/{name}"), 0o100755)
    for file in options.files:
        archive.add(file, read(file), 0o100600)
    archive.close()


main()
