"""warpd at both sites of the laboratory of links, with one tunnel whose policy a measurement chooses."""

import json

from report.systems import active_paths, ask_status, write_keys

from .links import HOME, wait_until

GATE = 9000  # where an application sends to
OUT = 9001  # where an application at the other end listens


TUN = "warp0"  # the interface of a gate that is one
INSIDE = {"A": "10.9.0.1", "B": "10.9.0.2"}


def gate_of(site, kind):
    """The gate's section of the configuration: a loopback gate of UDP, or a TUN interface."""
    if kind == "tun":
        return {"tun": {"interface": TUN, "address": [f"{INSIDE[site]}/24"]}}
    return {"loopback": {"listen": f"127.0.0.1:{GATE}", "deliver": f"127.0.0.1:{OUT}"}}


class Nodes:
    """The two daemons."""

    def __init__(self, lab, build, policy=(), ports=(), deadline="250ms", gate="loopback"):
        self.lab, self.warp = lab, build / "tools/warp"
        public = write_keys(self.warp)
        self.daemons = []
        for site, peer in (("A", "B"), ("B", "A")):
            more = [dict(port) for port in ports] or [{}] * lab.count
            config = {
                "node": {"private_key_file": str(HOME / f"{site}.key"), "control_socket": str(HOME / f"{site}.sock"),
                         "state_directory": str(HOME / "state")},
                "ports": [{"name": f"l{i}", "interface": f"l{i}", "driver": "af_packet"} | more[i] for i in range(lab.count)],
                "peers": [{"name": peer, "public_key": public[peer],
                           "endpoints": [f"{lab.address(peer, i)}:13116" for i in range(lab.count)]}],
                "tunnels": [{"name": "bond", "id": 1, "peer": peer, "deadline": deadline, "queue": 8192,
                             "gate": gate_of(site, gate)} | dict(policy)],
            }  # fmt: skip
            (HOME / f"{site}.yaml").write_text(json.dumps(config))
            self.daemons.append(lab.start(site, build / "control/warpd", "--config", HOME / f"{site}.yaml", log=f"warpd{site}"))
        for site in "AB":
            wait_until(lambda site=site: active_paths(site) == lab.count, 20, f"{lab.count} active paths at {site}")

    def status(self, site):
        """Returns what `warp status --json` shows."""
        return ask_status(site)

    def set(self, site, *settings):
        """Changes the running tunnel's policy."""
        return self.lab.on(site, self.warp, "tunnel", "--socket", HOME / f"{site}.sock", "set", "bond", *settings)
