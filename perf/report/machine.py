"""Says where figures come from: the machine, its kernel, the versions of what is measured, and the commit."""

import datetime
import os
import platform
import re
import subprocess


def _first_line(command, pattern=r".*\S.*"):
    """Returns the first matching line of a command's output, or None if there is no such command."""
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
    """Returns the facts that decide whether two files may be compared."""
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
    # git refuses to read a checkout of another user unless safe.directory names it.
    describe = ["git", "-c", f"safe.directory={top}", "-C", str(top), "describe", "--always", "--dirty", "--abbrev=12"]
    return _first_line(describe, r"^(?!fatal:).+") or "unknown"


def versions(names):
    """Returns the versions of those programs that are installed."""
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
    """Returns the load of the last minute. Read before a measurement, it shows how busy the machine is with other work."""
    return round(os.getloadavg()[0], 2)
