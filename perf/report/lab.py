"""A laboratory for one system under measurement. It has the sites A and B and two links, and leaves nothing behind.

    direct                          switched (2x2 paths, cables that can be pulled)

    A l0 =========== l0 B           A l0 -- a0 .          . b0 -- l0 B
    A l1 =========== l1 B                       : M switch :
                                    A l1 -- a1 '          ' b1 -- l1 B

    10.0.0.1 and 10.0.0.2 on l0,    10.0.0.1 and .11 at A,
    10.0.1.1 and 10.0.1.2 on l1     10.0.0.2 and .12 at B, one network

    routed (two links, whose routers let no frame pass that is larger than the MTU; A's l0 leads to B's l0 alone)

    A l0 -- a0 M b0 -- l0 B         10.0.0.1 at A, 10.1.0.2 at B
    A l1 -- a1 M b1 -- l1 B         10.0.1.1 at A, 10.1.1.2 at B

A veth pair passes a frame of many segments whole, which no wire does. Hence the routed laboratory: what leaves its router
is cut to the MTU. With `segmentation`, the sites' interfaces take such frames and the router cuts them, as a NIC with UDP
segmentation does; without, the sites' interfaces refuse them, as most small NICs, modems and Wi-Fi do.

enter() runs the program again as the first process of a mount and PID namespace of its own. When that process ends, in
whatever way, the kernel ends every process and frees every namespace, interface and file of the laboratory.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HOME = Path("/run/lab")  # a private tmpfs inside the laboratory


def run(*command, **options):
    """Runs a command and returns its output. If it fails, the error says what it printed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def enter(command, wrapper=()):
    """Runs the command inside, through `wrapper` (a command that takes another one). Returns its exit status."""
    inside = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--net", "--fork", "--kill-child",
              "--mount-proc", *command]  # fmt: skip
    child = subprocess.Popen([*wrapper, *inside], start_new_session=bool(wrapper))
    try:
        return child.wait()
    except KeyboardInterrupt:
        if wrapper:
            os.killpg(child.pid, signal.SIGTERM)
        child.wait()
        raise


def settle():
    """Mounts a private /run. This must be the first thing that happens inside."""
    # Elsewhere it would hide the machine's own.
    if os.getpid() != 1:
        raise RuntimeError("this is no laboratory: enter() makes one")
    run("mount", "-t", "tmpfs", "lab", "/run")
    HOME.mkdir()


class Lab:
    """Two sites and their links."""

    def __init__(self, switched=False, routed=False, segmentation=True):
        self.switched, self.routed = switched, routed
        self.sites = ("A", "B", "M") if switched or routed else ("A", "B")
        self.apart = False  # whether the links of a switched laboratory are two networks
        self.processes = []
        for site in self.sites:
            self._add_site(site)
        if switched:
            run("ip", "-n", "M", "link", "add", "switch", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
            run("ip", "-n", "M", "link", "set", "switch", "up")
        if routed:
            return self._route(segmentation)
        for link in (0, 1):
            if switched:
                for number, site in ((1, "A"), (2, "B")):
                    port = f"{site.lower()}{link}"
                    # With equal indices the kernel takes a veth for a hardware interface and reports its carrier late.
                    self._veth(site, f"l{link}", 10 + link, "M", port, 100 * number + link)
                    run("ip", "-n", "M", "link", "set", port, "master", "switch")
            else:
                self._veth("A", f"l{link}", 10 + link, "B", f"l{link}", 20 + link)
            for number, site in ((1, "A"), (2, "B")):
                run("ip", "-n", site, "address", "add", f"{self.address(site, link)}/24", "dev", f"l{link}")

    def _add_site(self, site):
        run("ip", "netns", "add", site)
        self.on(site, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
                # Two interfaces may be in one network, so each must answer only for its own address.
                "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2",
                "net.core.rmem_max=67108864", "net.core.wmem_max=67108864", check=False)  # fmt: skip
        run("ip", "-n", site, "link", "set", "lo", "up")

    def _route(self, segmentation):
        """Builds the routed laboratory."""
        self.on("M", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for network, (site, number) in enumerate((("A", 1), ("B", 2))):
            for link in (0, 1):
                name, port = f"l{link}", f"{site.lower()}{link}"
                self._veth(site, name, 10 + link, "M", port, 100 * number + link)
                run("ip", "-n", site, "address", "add", f"{self.address(site, link)}/24", "dev", name)
                run("ip", "-n", "M", "address", "add", f"10.{network}.{link}.254/24", "dev", port)
                run("ip", "-n", site, "route", "add", f"10.{1 - network}.{link}.0/24", "via", f"10.{network}.{link}.254")
                self.on("M", "ethtool", "-K", port, "gso", "off", "tso", "off", "gro", "off", "tx", "off",
                        "tx-udp-segmentation", "off")  # fmt: skip
                self.on(site, "ethtool", "-K", name, "gro", "on")
                if not segmentation:
                    self.on(site, "ethtool", "-K", name, "tx-udp-segmentation", "off")

    def switch_offloads_off(self, interfaces):
        """Takes what joins and cuts frames from the links of both sites, and from further interfaces: {site: [name, …]}."""
        for site in "AB":
            for name in ["l0", "l1", *interfaces[site]]:
                # What an interface does not have it says, and goes on.
                self.on(site, "ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off", "tx-udp-segmentation", "off",
                        check=False)  # fmt: skip

    def address(self, site, link):
        if self.routed:
            return f"10.0.{link}.1" if site == "A" else f"10.1.{link}.2"
        number = 1 if site == "A" else 2
        return f"10.0.0.{number + 10 * link}" if self.switched and not self.apart else f"10.0.{link}.{number}"

    def on(self, site, *command, check=True):
        """Runs a command at a site and waits for its end."""
        command = ["ip", "netns", "exec", site, *map(str, command)]
        return run(*command) if check else subprocess.run(command, capture_output=True, text=True).stdout

    def start(self, site, *command, log=None):
        """Starts a program at a site. Its output goes to a file or a pipe, and it ends with the laboratory."""
        output = open(HOME / f"{log}.log", "w") if log else subprocess.PIPE
        process = subprocess.Popen(["ip", "netns", "exec", site, *map(str, command)], stdout=output,
                                   stderr=subprocess.STDOUT if log else subprocess.DEVNULL,
                                   stdin=subprocess.DEVNULL, text=True)  # fmt: skip
        self.processes.append(process)
        return process

    # --- What happens to links, in the switched laboratory. ---

    def separate(self):
        """Divides the switch in two, so that link 0 leads only to link 0, and link 1 only to link 1."""
        run("ip", "-n", "M", "link", "add", "switch1", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        run("ip", "-n", "M", "link", "set", "switch1", "up")
        for site in "AB":
            run("ip", "-n", "M", "link", "set", f"{site.lower()}1", "master", "switch1")
            run("ip", "-n", site, "address", "flush", "dev", "l1")
            run("ip", "-n", site, "address", "add", f"10.0.1.{1 if site == 'A' else 2}/24", "dev", "l1")
        self.apart = True

    def pull_cable(self, port):
        """Takes the carrier away, which the site sees."""
        run("ip", "-n", "M", "link", "set", port, "down")

    def black_hole(self, port):
        """Loses every frame while the interfaces stay up."""
        run("ip", "-n", "M", "link", "set", port, "nomaster")

    def close(self):
        """Ends everything that was started, the latest first, so that another laboratory can follow."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
            process.wait()
        for site in self.sites:
            # Programs that went to the background still hold the file.
            for pid in subprocess.run(["ip", "netns", "pids", site], capture_output=True, text=True).stdout.split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            run("ip", "netns", "delete", site)
        shutil.rmtree(HOME)
        HOME.mkdir()

    def _veth(self, site, name, index, far, far_name, far_index):
        run("ip", "-n", site, "link", "add", name, "index", index, "type", "veth",
            "peer", "name", far_name, "index", far_index, "netns", far)  # fmt: skip
        run("ip", "-n", site, "link", "set", name, "up")
        run("ip", "-n", far, "link", "set", far_name, "up")

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure:
            for log in sorted(HOME.glob("*.log")):
                print(f"--- {log.name}", *log.read_text().splitlines()[-12:], sep="\n", file=sys.stderr)
        self.close()


def wait_until(condition, seconds, what):
    """Calls `condition` every 20 ms until it is true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def cpu_seconds(pids):
    """Returns the CPU time of these processes and all their threads, in the scheduler's count of nanoseconds."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except (OSError, ValueError, IndexError):
                pass  # the thread has just ended
    return total / 1e9


