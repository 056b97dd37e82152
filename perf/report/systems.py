"""The systems that are compared, and how each is set up between two sites.

start() of a system sets it up in a laboratory, and target() says where a datagram must go to come out at B. Every system
carries 1,400 bytes of payload in one packet over links of MTU 1500. Systems that encrypt use AES-256-GCM. Two leave no
choice: wireguard-go uses ChaCha20-Poly1305, and tinc 1.0 uses AES-256-CBC with HMAC.
"""

import json
import os
import shutil
import socket
import time
from pathlib import Path

from . import lab as laboratory
from .lab import HOME, run

PORT = 9001  # where the receiver of a measurement listens


class System:
    """Raw UDP over one link. It is the ceiling for every other system, and their base class."""

    name = "raw"
    title = "raw UDP, one link"
    cipher = "none"
    links = 1
    copies = 1
    switched = False
    routed = False
    needs = ("warp",)  # the programs that it runs

    def start(self, lab):
        """Starts the system. Returns when payloads pass."""
        self.lab = lab

    def target(self):
        """Returns the address that A sends to."""
        return f"{self.lab.address('B', 0)}:{PORT}"

    def listen(self):
        """Returns the address at which B receives what A sent to target()."""
        return self.target()

    def processes(self):
        """Returns the PIDs of the tunnel's processes at both ends."""
        return []

    def inner_address(self, site):
        """Returns the address of a site inside the tunnel."""
        return self.lab.address(site, 0)

    def interfaces(self, _site):
        """Returns the names of a site's interfaces that the system has made."""
        return []


class Direct(System):
    """No tunnel at all, and nothing between the sites but the link."""

    name = "direct"
    title = "no tunnel, one link"


class Forwarding(System):
    """No tunnel at all: the kernel of a router between the sites forwards."""

    name = "forwarding"
    title = "no tunnel, a router forwards"
    routed = True


class WireguardGo(System):
    """WireGuard in userspace, because the laboratory's kernel may lack its own."""

    name = "wireguard-go"
    title = "wireguard-go"
    cipher = "ChaCha20-Poly1305"
    needs = ("wireguard-go", "wg")
    mtu = 1440  # so that 1,400 bytes fit one packet: 1440 + 60 is the link's 1500

    def start(self, lab, port=51820, endpoints=None):
        """Starts it between the links' addresses, or with the given endpoints (A gets one for B, and B gets none)."""
        self.lab = lab
        # In the foreground, because a process that goes to the background cannot be told from others.
        self.daemons = [lab.start(site, "wireguard-go", "--foreground", f"wg{site}", log=f"wg{site}") for site in "AB"]
        for site in "AB":
            laboratory.wait_until(lambda site=site: Path(f"/run/wireguard/wg{site}.sock").exists(), 10, "wireguard-go")
        keys = {site: run("wg", "genkey").strip() for site in "AB"}
        public = {site: run("wg", "pubkey", input=keys[site]).strip() for site in "AB"}
        for site, peer in (("A", "B"), ("B", "A")):
            (HOME / f"wg{site}.key").write_text(keys[site])
            endpoint = endpoints[site] if endpoints else f"{lab.address(peer, 0)}:{port}"
            lab.on(site, "wg", "set", f"wg{site}", "listen-port", port, "private-key", HOME / f"wg{site}.key",
                   "peer", public[peer], "allowed-ips", "0.0.0.0/0", *(["endpoint", endpoint] if endpoint else []))  # fmt: skip
            run("ip", "-n", site, "address", "add", f"{self.inner_address(site)}/24", "dev", f"wg{site}")
            run("ip", "-n", site, "link", "set", f"wg{site}", "mtu", self.mtu, "up")

    def target(self):
        return f"{self.inner_address('B')}:{PORT + 1}"  # with gates, PORT is WireGuard's own

    def processes(self):
        return [daemon.pid for daemon in self.daemons]

    def inner_address(self, site):
        return "10.9.0.1" if site == "A" else "10.9.0.2"

    def interfaces(self, site):
        return [f"wg{site}"]


class OpenVpn(WireguardGo):
    """OpenVPN with TLS, because its static keys know no AEAD, and without DCO, which the kernel may lack."""

    name = "openvpn"
    title = "OpenVPN"
    cipher = "AES-256-GCM"
    needs = ("openvpn", "openssl")

    def start(self, lab):
        self.lab = lab
        certificates = HOME / "openvpn"
        certificates.mkdir(exist_ok=True)
        fingerprint = {}
        for site in "AB":
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", certificates / f"{site}.key", "-out", certificates / f"{site}.crt", "-subj", f"/CN={site}",
                "-days", "2")  # fmt: skip
            printed = run("openssl", "x509", "-in", certificates / f"{site}.crt", "-noout", "-fingerprint", "-sha256")
            fingerprint[site] = printed.strip().split("=")[1]
        self.daemons = []
        for site, peer in (("B", "A"), ("A", "B")):
            self.daemons.append(lab.start(
                site, "openvpn", "--dev", "tun0", "--proto", "udp", "--disable-dco", "--topology", "p2p",
                "--local", lab.address(site, 0), "--remote", lab.address(peer, 0), "--port", "1194",
                "--ifconfig", self.inner_address(site), self.inner_address(peer),
                "--tls-client" if site == "A" else "--tls-server", *([] if site == "A" else ["--dh", "none"]),
                "--cert", certificates / f"{site}.crt", "--key", certificates / f"{site}.key",
                "--peer-fingerprint", fingerprint[peer], "--data-ciphers", "AES-256-GCM", "--cipher", "AES-256-GCM",
                "--tun-mtu", "1440", "--mssfix", "0", "--sndbuf", "4194304", "--rcvbuf", "4194304",
                "--txqueuelen", "1000", "--ping", "5", "--verb", "3", log=f"openvpn{site}"))  # fmt: skip

    def inner_address(self, site):
        return "10.8.0.1" if site == "A" else "10.8.0.2"

    def interfaces(self, _site):
        return ["tun0"]


class Nebula(WireguardGo):
    """Nebula, whose lighthouse is A. It has neither relays nor hole punching, and its firewall lets everything pass."""

    name = "nebula"
    title = "nebula"
    cipher = "AES-256-GCM"
    needs = ("nebula", "nebula-cert")

    def start(self, lab):
        self.lab = lab
        home = HOME / "nebula"
        home.mkdir(exist_ok=True)
        run("nebula-cert", "ca", "-name", "lab", "-out-crt", home / "ca.crt", "-out-key", home / "ca.key")
        self.daemons = []
        for site in "AB":
            run("nebula-cert", "sign", "-name", site, "-ip", f"{self.inner_address(site)}/24", "-ca-crt", home / "ca.crt",
                "-ca-key", home / "ca.key", "-out-crt", home / f"{site}.crt", "-out-key", home / f"{site}.key")  # fmt: skip
            peer = "B" if site == "A" else "A"
            (home / f"{site}.yml").write_text(json.dumps({  # JSON is YAML
                "pki": {"ca": str(home / "ca.crt"), "cert": str(home / f"{site}.crt"), "key": str(home / f"{site}.key")},
                "static_host_map": {self.inner_address(peer): [f"{lab.address(peer, 0)}:4242"]},
                "lighthouse": {"am_lighthouse": site == "A", "interval": 60,
                               "hosts": [] if site == "A" else [self.inner_address("A")]},
                "listen": {"host": "0.0.0.0", "port": 4242, "read_buffer": 4194304, "write_buffer": 4194304},
                "punchy": {"punch": False}, "cipher": "aes",
                "tun": {"dev": "nebula", "mtu": 1440, "tx_queue": 1000}, "logging": {"level": "warning"},
                "firewall": {"outbound": [{"port": "any", "proto": "any", "host": "any"}],
                             "inbound": [{"port": "any", "proto": "any", "host": "any"}]},
            }))  # fmt: skip
            self.daemons.append(lab.start(site, "nebula", "-config", home / f"{site}.yml", log=f"nebula{site}"))

    def inner_address(self, site):
        return "10.7.0.1" if site == "A" else "10.7.0.2"

    def interfaces(self, _site):
        return ["nebula"]


class Tinc(WireguardGo):
    """tinc in router mode over UDP, with its default cipher and digest."""

    name = "tinc"
    title = "tinc 1.0"
    cipher = "AES-256-CBC, HMAC"
    needs = ("tincd",)

    def start(self, lab):
        self.lab = lab
        self.daemons = []
        for site in "AB":
            home = HOME / "tinc" / site
            (home / "hosts").mkdir(parents=True)
            peer = "B" if site == "A" else "A"
            (home / "tinc.conf").write_text(
                f"Name = {site}\n" + (f"ConnectTo = {peer}\n" if site == "A" else "") +
                "AddressFamily = ipv4\nInterface = tun0\nMode = router\nProcessPriority = normal\n"
                "UDPRcvBuf = 4194304\nUDPSndBuf = 4194304\n")  # fmt: skip
            script = home / "tinc-up"
            script.write_text(f"#!/bin/sh\nip address add {self.inner_address(site)}/24 dev $INTERFACE\n"
                              "ip link set $INTERFACE mtu 1440 txqueuelen 1000 up\n")  # fmt: skip
            script.chmod(0o755)
            (home / "hosts" / site).write_text(f"Address = {lab.address(site, 0)}\nSubnet = {self.inner_address(site)}/32\n")
            run("tincd", "-c", home, "-K", "2048", stdin=__import__("subprocess").DEVNULL)
        for site, peer in (("A", "B"), ("B", "A")):
            shutil.copy(HOME / "tinc" / site / "hosts" / site, HOME / "tinc" / peer / "hosts" / site)
        for site in "BA":
            self.daemons.append(lab.start(site, "tincd", "-c", HOME / "tinc" / site, "-D", "--pidfile",
                                          HOME / f"tinc{site}.pid", log=f"tinc{site}"))  # fmt: skip

    def inner_address(self, site):
        return "10.6.0.1" if site == "A" else "10.6.0.2"

    def interfaces(self, _site):
        return ["tun0"]


def write_keys(warp):
    """Makes a key for each site, in its file. Returns the public keys."""
    public = {}
    for site in "AB":
        key = run(warp, "keygen")
        with open(os.open(HOME / f"{site}.key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(key)
        public[site] = run(warp, "pubkey", input=key).strip()
    return public


def ask_status(site):
    """Returns what `warp status --json` shows of the site's daemon, without running the program."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(HOME / f"{site}.sock"))
        connection.sendall(b"status\n")
        text = b""
        while chunk := connection.recv(1 << 16):
            text += chunk
    return json.loads(text)


def active_paths(site):
    """Counts the paths that carry payloads; 0 while the daemon starts."""
    try:
        peers = ask_status(site)["peers"]
    except (OSError, ValueError, KeyError):
        time.sleep(0.05)
        return 0
    return sum(path["state"] == "active" for peer in peers for path in peer["paths"])


class Warp(System):
    """WARP over one link, over two links (each payload goes twice) or over two at each end (it goes four times)."""

    needs = ()
    cipher = "AES-256-GCM"

    def __init__(self, build, shape="1", driver="af_packet", switched=False, node=()):
        self.build = build
        self.node = dict(node)  # further keys of the section `node`
        self.driver = driver
        self.shape = shape
        self.links = 1 if shape == "1" else 2
        self.copies = self.paths = {"1": 1, "2": 2, "2x2": 4}[shape]
        self.switched = switched or shape == "2x2"
        self.name = f"warp-{shape}-{driver}"
        what = {"1": "1 link", "2": "2 links, 2 copies", "2x2": "2×2 paths, 4 copies"}[shape]
        self.title = f"WARP, {what}, {driver}"

    def start(self, lab):
        self.lab = lab
        self.daemons = []
        warp, warpd = self.build / "tools/warp", self.build / "control/warpd"
        public = write_keys(warp)
        for site, peer in (("A", "B"), ("B", "A")):
            # Except in "2x2", each link leads only to the other end's address on the same link.
            config = {
                "node": {"private_key_file": str(HOME / f"{site}.key"), "control_socket": str(HOME / f"{site}.sock"),
                         "state_directory": str(HOME / "state")} | self.node,
                "ports": [{"name": f"l{i}", "interface": f"l{i}", "driver": self.driver} for i in range(self.links)],
                "peers": [{"name": peer, "public_key": public[peer],
                           "endpoints": [f"{lab.address(peer, i)}:13116" for i in range(self.links)]}],
                "tunnels": [{"name": "perf", "id": 1, "peer": peer} | self.tunnel(site)],
            }  # fmt: skip
            (HOME / f"{site}.yaml").write_text(json.dumps(config))
            self.daemons.append(lab.start(site, warpd, "--config", HOME / f"{site}.yaml", log=f"warpd{site}"))
        for site in "AB":
            laboratory.wait_until(lambda site=site: active_paths(site) == self.paths, 20,
                                  f"{self.paths} active paths at {site}")  # fmt: skip

    def tunnel(self, site):
        """Returns the keys of the tunnel at this site."""
        deliver = {"deliver": f"127.0.0.1:{PORT}"} if site == "B" else {}
        return {"gate": {"loopback": {"listen": "127.0.0.1:9000"} | deliver}}

    def target(self):
        return "127.0.0.1:9000"

    def listen(self):
        return f"127.0.0.1:{PORT}"

    def processes(self):
        return [daemon.pid for daemon in self.daemons]


class WarpNetwork(Warp):
    """WARP whose gates are interfaces of the kernel's, over one link, or over the sum of two."""

    def __init__(self, build, links=1):
        super().__init__(build, str(links))
        self.copies = 1
        self.name = f"warp-tun-{links}"
        self.title = f"WARP, TUN gates, {links} link" + ("s, striped" if links > 1 else "")

    def tunnel(self, site):
        gate = {"tun": {"interface": "warp0", "address": [f"{self.inner_address(site)}/24"]}}
        return {"mode": "stripe", "gate": gate} if self.links > 1 else {"gate": gate}

    def target(self):
        return f"{self.inner_address('B')}:{PORT}"

    def listen(self):
        return self.target()

    def inner_address(self, site):
        return "10.5.0.1" if site == "A" else "10.5.0.2"

    def interfaces(self, _site):
        return ["warp0"]


def all_networks(build):
    """Returns the systems between which one TCP connection is compared, in the order of the report."""
    peers = [WireguardGo(), OpenVpn(), Nebula(), Tinc()]
    return [Direct(), Forwarding(), *peers, WarpNetwork(build, 1), WarpNetwork(build, 2)]


def all_systems(build):
    """Returns every system, in the order of the report."""
    warp = [Warp(build, shape, driver) for shape in ("1", "2", "2x2") for driver in ("af_packet", "af_xdp")]
    return [System(), WireguardGo(), OpenVpn(), Nebula(), Tinc(), *warp, *(Warp(build, shape, "udp") for shape in ("1", "2"))]


def packages(top):
    """Returns what perf/packages.txt lists, as program -> package."""
    found = {}
    for line in (top / "perf/packages.txt").read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            found |= {program: words[0] for program in words[1:] or words}
    return found
