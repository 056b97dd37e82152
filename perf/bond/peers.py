"""What others make of the same links, beside the rows of one TCP connection: one link alone, and MPTCP of the kernel.

A peer has no tunnel: its connection is made between the sites' own addresses. What a machine cannot measure has a reason.
"""

import dataclasses
import shutil
from pathlib import Path

from .links import USUAL, sum_of
from .rows.connection import DYING, ENDS, connection_figures, death_figures

FRAME = 1514
ALONE_PAYLOAD = 1500 - 20 - 32  # with time stamps
MPTCP_PAYLOAD = ALONE_PAYLOAD - 20  # and where its bytes belong in the connection
ENABLED = Path("/proc/sys/net/mptcp/enabled")
CONTROL = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


@dataclasses.dataclass
class Peer:
    """One link alone."""

    what: str
    link: int = 0
    congestion: str = "cubic"
    payload = ALONE_PAYLOAD
    under = ()

    def reason(self):
        """Says why it cannot be measured here; empty where it can."""
        if not shutil.which("iperf3"):
            return "iperf3 is not installed (perf/aggregate --install)"
        if self.congestion not in CONTROL.read_text().split():
            return f"this kernel has no congestion control {self.congestion}"
        return ""

    def prepare(self, lab):
        """Sets up in the laboratory what a connection needs before it begins."""

    def used(self, lab):
        """Returns what the kernel says of the connections to the server: addresses, congestion control, options."""
        return lab.on("A", "ss", "-Htni", "state", "established", "dport = :5201").splitlines()

    def limit(self, links):
        return sum_of(links) * self.payload / FRAME

    def connect(self, run, links, seconds, omit):
        with run.case(links, None) as case:
            self.prepare(case.lab)
            target = case.lab.address("B", self.link)
            r = case.connection(target, seconds, omit, self.congestion, self.under, look=lambda: self.used(case.lab))
            return case.finish(r)

    def tcp(self, run):
        r = self.connect(run, USUAL, run.seconds, 8)
        r["share"] = r["mbit"] / self.limit(USUAL)
        return r, connection_figures(r)

    def tcp_death(self, run):
        r = self.connect(run, DYING, ENDS - 4, 4)
        return r, death_figures(r, self.limit(USUAL), self.limit(USUAL[1:]))

    def measure(self, row, run):
        return getattr(self, row)(run)


class Mptcp(Peer):
    """The kernel's MPTCP over all links: B announces its other addresses, to which A opens subflows."""

    payload = MPTCP_PAYLOAD
    under = ("mptcpize", "run")

    def reason(self):
        if not ENABLED.exists():
            return "this kernel has no MPTCP"
        if not shutil.which("mptcpize"):
            return "mptcpize is not installed (perf/aggregate --install)"
        return super().reason()

    def prepare(self, lab):
        for site in "AB":
            lab.on(site, "sysctl", "-qw", "net.mptcp.enabled=1")
            lab.on(site, "ip", "mptcp", "limits", "set", "subflow", lab.count - 1, "add_addr_accepted", lab.count - 1)
        for link in range(1, lab.count):
            lab.on("B", "ip", "mptcp", "endpoint", "add", lab.address("B", link), "dev", f"l{link}", "signal")


MPTCP = {
    "mptcp_cubic": Mptcp("kernel MPTCP over all links, cubic"),
    "mptcp_bbr": Mptcp("kernel MPTCP over all links, BBR", congestion="bbr"),
}
ALONE = {
    f"link{number}_alone": Peer(f"TCP over the link of {link.rate} Mbit/s alone (cubic)", number)
    for number, link in enumerate(USUAL)
}
# row -> {peer: how it is measured}. Of the links alone, only the first one dies.
PEERS = {"tcp": ALONE | MPTCP, "tcp_death": {"link0_alone": ALONE["link0_alone"]} | MPTCP}
