"""A daemon that a test plays, as the programs see it that watch one: a control socket and what is said there."""

import contextlib
import http.client
import json
import socket
import threading


def path(port, endpoint, number, **more):
    """Returns a path as the status has it."""
    return {
        "id": number, "port": port, "endpoint": endpoint, "state": "active", "reason": "", "since_s": 60,
        "carries": True, "rtt_ms": 20.5, "jitter_ms": 0.5, "loss": 0.0, "first_share": 0.5, "skew_ms": 3.0,
        "mtu": 1500, "black_hole": False, "tx_bytes": 1000, "rx_bytes": 500, "bond": None,
    } | more  # fmt: skip


def node():
    """Returns the status of a node with two links to one peer."""
    port = {"state": "up", "reason": "", "driver": "af_packet", "tier": 1, "pattern": None, "cap": None, "tx_bytes": 1000, "rx_bytes": 500}
    return {
        "version": 1,
        "node": {"public_key": "J8sk3d4vKEYKEYKEY", "version": "0.1.0", "uptime_s": 100, "state": "running"},
        "ports": [port | {"name": "fibre", "device": "eth0"}, port | {"name": "lte", "device": "wwan0"}],
        "maps": [{"address": "map.example:13117", "state": "registered", "reason": ""}],
        "peers": [{
            "name": "hq", "state": "connected", "reason": "", "since_s": 90,
            "paths": [path("fibre", "198.51.100.7:13116", 1), path("lte", "198.51.100.7:13116", 2, rtt_ms=45.0)],
        }],
        "tunnels": [{
            "name": "office", "peer": "hq", "mode": "stripe", "gate": {"type": "tun", "listen": "warp0", "trouble": ""},
            "spread": {"lost": 0}, "from_app": 10, "to_app": 20, "from_app_rate": 1000000, "to_app_rate": 2000000,
            "queued": 0, "drops": {},
        }],
        "drops": {"malformed": 2},
    }  # fmt: skip


class ControlSocket:
    """A Unix socket on which `talk` gets each connection, on a thread of its own."""

    def __init__(self, where):
        self.requests = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(where)
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Daemon(ControlSocket):
    """Answers each request by what stands in `answers`: an object, bytes, or a function of the request. `requests` has all."""

    def __init__(self, where, status=None):
        self.policies = {"office": {"mode": "stripe", "paths": "all"}}
        self.answers = {"status": status or node(), "tunnel": self.tunnel}
        super().__init__(where)

    def talk(self, connection):
        with connection, contextlib.suppress(OSError):
            line = connection.recv(65536).decode().rstrip("\n")
            self.requests.append(line)
            answer = self.answers.get(line.split(" ")[0])
            if callable(answer):
                answer = answer(line)
            connection.sendall(answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n")

    def tunnel(self, line):
        words = line.split(" ")
        if words[1] == "set":
            if words[2] not in self.policies:
                return {"error": f'there is no tunnel "{words[2]}"'}
            self.policies[words[2]] |= dict(word.split("=", 1) for word in words[3:])
            for tunnel in self.answers["status"]["tunnels"]:
                tunnel["mode"] = self.policies[tunnel["name"]]["mode"]
        return {"policies": [{"tunnel": name, "peer": "hq", "settings": settings} for name, settings in self.policies.items()]}


class HttpOverUnix(http.client.HTTPConnection):
    """HTTP over a Unix socket, by a client that waits for so many seconds."""

    def __init__(self, where, patience):
        super().__init__("localhost", timeout=patience)
        self.where = where

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.where)
