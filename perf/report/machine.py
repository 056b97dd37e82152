"""Where figures come from: the machine, its kernel, the versions of what is measured, the commit."""

import datetime
import os
import platform
import re
import subprocess


def _first_line(command, pattern=r".*\S.*"):
    """The first line of a command's output that matches, or None where there is no such command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    except OSError:
        return None
    for line in (done.stdout + done.stderr).splitlines():
        if found := re.search(pattern, line):
            return found.group(found.lastindex or 0).strip()
    return None


def cpu_model():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def memory_gib():
    with open("/proc/meminfo") as file:
        return round(int(re.search(r"MemTotal:\s*(\d+)", file.read()).group(1)) / 2**20)


def machine():
    """What decides whether two files may be compared."""
    hugepages = 0
    try:
        with open("/proc/meminfo") as file:
            hugepages = int(re.search(r"HugePages_Total:\s*(\d+)", file.read()).group(1))
    except (OSError, AttributeError):
        pass
    return {
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": memory_gib(),
        "kernel": platform.release(),
        "virtual": _first_line(["systemd-detect-virt"]) or "unknown",
        "hugepages": hugepages,
    }


def commit(top):
    # Also of somebody else's checkout, which git would rather not read.
    describe = ["git", "-c", f"safe.directory={top}", "-C", str(top), "describe", "--always", "--dirty", "--abbrev=12"]
    return _first_line(describe, r"^(?!fatal:).+") or "unknown"


def versions(names):
    """The versions of the programs among these that are here."""
    ask = {
        "warp": (["dpkg-query", "-W", "-f", "${Version}\\n", "libdpdk-dev"], None),
        "wireguard-go": (["dpkg-query", "-W", "-f", "${Version}\\n", "wireguard-go"], r".+"),
        "openvpn": (["openvpn", "--version"], r"^OpenVPN (\S+)"),
        "nebula": (["nebula", "-version"], r"(\d\S*)"),
        "tinc": (["tincd", "--version"], r"version (\S+)"),
        "iperf3": (["iperf3", "--version"], r"^iperf (\S+)"),
    }
    found = {"DPDK": _first_line(["pkg-config", "--modversion", "libdpdk"])}
    for name in names:
        if name in ask and name != "warp":
            found[name] = _first_line(*ask[name])
    return {name: version for name, version in found.items() if version}


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def load():
    """How busy the machine is with others' work: the 1-minute load, before anything of ours runs."""
    return round(os.getloadavg()[0], 2)
