"""Runs `warp metrics` over daemons that the test plays: metrics_test.py WARP SOURCE

Also holds the rules and the dashboard of docs/monitoring against the metrics that there are.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

from control_socket import ControlSocket, HttpOverUnix

WARP = sys.argv[1]
SOURCE = pathlib.Path(sys.argv[2])
TOKEN = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
PATIENCE = 60  # seconds, for what must not hang
PATH = {"port": "wan0", "endpoint": "10.2.0.2:13116", "state": "active", "rtt_ms": 12.5, "first": 7, "carries": True}
STATUS = {
    "version": 1,
    "node": {"version": "0.1.0", "uptime_s": 5.5, "state": "running"},
    "ports": [{"name": "wan0", "state": "up", "tx_bytes": 1234, "drops": {"malformed": 2}}],
    "maps": [{"address": "a:1", "state": "registered"}],
    "peers": [{"name": "hq", "state": "connected", "since_s": 1, "paths": [PATH]}],
    "tunnels": [{"name": "video", "peer": "hq", "from_app": 9, "drops": {}}],
    "drops": {"malformed": 2},
}


class Daemon(ControlSocket):
    """A control socket. `answer` gets each connection, whose request stands in `requests` by then."""

    def __init__(self, path, answer):
        self.answer = answer
        super().__init__(path)

    def talk(self, connection):
        with connection, contextlib.suppress(OSError):
            self.requests.append(connection.recv(4096))
            self.answer(connection)


def says(status):
    text = status if isinstance(status, bytes) else json.dumps(status).encode()
    return lambda connection: connection.sendall(text)


def says_nothing(connection):
    connection.recv(1)  # returns when the other side gives up


def dribbles(connection):
    while True:
        connection.sendall(b" ")
        threading.Event().wait(0.02)


class MetricsTest(unittest.TestCase):
    def setUp(self):
        here = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, here)
        self.socket = f"{here}/d.sock"
        self.place = f"{here}/m.sock"
        self.token = f"{here}/token"
        with open(os.open(self.token, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(TOKEN + "\n")
        self.program = None

    def daemon(self, answer):
        daemon = Daemon(self.socket, answer)
        self.addCleanup(daemon.close)
        return daemon

    def serve(self, *arguments):
        """Starts `warp metrics`, at a Unix socket unless the arguments say where, and returns when it is ready."""
        where = arguments or ("--listen", f"unix:{self.place}")
        self.program = subprocess.Popen([WARP, "metrics", "--socket", self.socket, *where], stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.line = self.program.stderr.readline()
        self.assertIn("warp metrics: ready at ", self.line)

    def end(self):
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        self.program.stderr.close()

    def get(self, path="/metrics", method="GET", connection=None, **headers):
        connection = connection or HttpOverUnix(self.place, PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer

    def scrape(self, timeout=None):
        headers = {"X_Prometheus_Scrape_Timeout_Seconds": str(timeout)} if timeout else {}
        code, text, _ = self.get(**headers)
        self.assertEqual(code, 200)
        return text

    def test_a_daemon_is_shown(self):
        daemon = self.daemon(says(STATUS))
        self.serve()
        code, text, answer = self.get()
        self.assertEqual((code, answer.getheader("Content-Type")), (200, "text/plain; version=0.0.4; charset=utf-8"))
        for line in (
            "# HELP warp_up Whether the daemon answered with a status that is understood.",
            "# TYPE warp_port_transmit_bytes_total counter",
            "warp_up 1",
            'warp_port_transmit_bytes_total{port="wan0"} 1234',
            'warp_path_round_trip_seconds{peer="hq",port="wan0",path="10.2.0.2:13116"} 0.0125',
        ):
            self.assertIn(line + "\n", text)
        self.assertEqual(set(daemon.requests), {b"status\n"})  # nothing else is ever asked
        if shutil.which("promtool"):
            lint = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
            self.assertEqual((lint.returncode, lint.stdout + lint.stderr), (0, ""))

    def test_only_metrics_are_there_and_only_to_be_read(self):
        self.daemon(says(STATUS))
        self.serve()
        for path in ("/", "/metrics/", "/../metrics", "/" + "a" * 3000):
            self.assertEqual(self.get(path)[0], 404, path)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"):
            self.assertEqual(self.get(method=method)[0], 405, method)
        code, text, answer = self.get(method="HEAD")
        self.assertEqual((code, text), (200, ""))
        self.assertGreater(int(answer.getheader("Content-Length")), 1000)

    def test_a_daemon_that_is_away_comes_and_goes(self):
        self.serve()
        self.assertIn("warp_up 0\n", self.scrape())
        self.assertIn("no daemon answers", self.program.stderr.readline())
        self.daemon(says(STATUS))
        while "warp_up 1\n" not in self.scrape():
            pass
        self.assertIn("answers again", self.program.stderr.readline())

    def test_a_daemon_that_is_stuck_does_not_hang_a_scrape(self):
        for answer in (says_nothing, dribbles):
            with self.subTest(answer.__name__):
                daemon = self.daemon(answer)
                self.serve()
                self.assertIn("warp_up 0\n", self.scrape(timeout=0.3))
                self.assertIn("warp_up 0\n", self.scrape(timeout=0.3))
                self.end()
                daemon.close()
                os.unlink(self.socket)

    def test_what_is_no_status_is_warp_up_0(self):
        for answer in (b"", b"\n", b"hello", b"{}", b"[" * (1 << 20), b" " * (17 << 20), b'{"version":2,"node":{}}'):
            with self.subTest(answer[:20]):
                daemon = self.daemon(says(answer))
                self.serve()
                self.assertIn("warp_up 0\n", self.scrape())
                self.end()
                daemon.close()
                os.unlink(self.socket)

    def test_a_huge_status_gives_so_many_series_and_no_more(self):
        peers = [{"name": f"p{i}", "state": "connected", "since_s": 1, "paths": [PATH]} for i in range(3000)]
        self.daemon(says(STATUS | {"peers": peers}))
        self.serve()
        text = self.scrape()
        self.assertEqual(len(re.findall("^warp_path_active", text, re.MULTILINE)), 2001)
        self.assertIn('warp_peer_connected{peer="other"} 1\n', text)
        self.assertIn('warp_path_first_packets_total{peer="other",port="other",path="other"} 7000\n', text)

    def test_clients_that_hang_keep_nobody_out(self):
        self.daemon(says(STATUS))
        self.serve()
        hanging = []
        for sent in (b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\xff" * 5000):
            client = socket.socket(socket.AF_UNIX)
            client.connect(self.place)
            client.sendall(sent)
            hanging.append(client)
        self.assertIn("warp_up 1\n", self.scrape())
        for client in hanging:
            client.close()
        self.assertIn("warp_up 1\n", self.scrape())

    def test_a_unix_socket_is_the_groups_and_goes_at_the_end(self):
        self.serve()
        self.assertEqual(stat.S_IMODE(os.stat(self.place).st_mode), 0o660)
        self.program.send_signal(signal.SIGTERM)
        self.assertEqual(self.program.wait(), 0)
        self.assertFalse(os.path.exists(self.place))

    def test_an_address(self):
        self.daemon(says(STATUS))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        self.serve("--listen", f"127.0.0.1:{port}")

        def get(**headers):
            code, text, _ = self.get(connection=http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE), **headers)
            return code, "warp_up 1\n" in text

        # All users of the machine reach it, and not all may ask the daemon.
        self.assertEqual(get(), (401, False))
        self.assertEqual(get(Authorization="Bearer wrong"), (401, False))
        made = re.search("Authorization: Bearer ([0-9a-f]{64}) ", self.line).group(1)
        self.assertEqual(get(Authorization=f"Bearer {made}"), (200, True))
        for arguments, code in ((("--token-file", self.token), 401), (("--allow-remote",), 200)):
            self.end()
            self.serve("--listen", f"127.0.0.1:{port}", *arguments)
            self.assertEqual(get()[0], code)
            self.assertEqual(get(Authorization=f"Bearer {TOKEN}"), (200, True))
        self.refuses("Address already in use", "--listen", f"127.0.0.1:{port}")

    def test_what_others_reach_must_be_meant(self):
        for address in ("0.0.0.0:9116", "[::]:9116", "192.0.2.1:9116"):
            self.refuses("--token-file names the secret", "--listen", address)
        # It is meant, and fails because this machine has no such address.
        self.refuses("Cannot assign requested address", "--allow-remote", "--listen", "192.0.2.1:9116")
        for nowhere in ("9116", "unix:", "localhost:9116", "unix:" + "a" * 200, "unix:/proc/none/m.sock"):
            self.refuses("", "--listen", nowhere)

    def refuses(self, sentence, *arguments):
        result = subprocess.run([WARP, "metrics", *arguments], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((result.returncode, result.stdout), (1, ""), arguments)
        self.assertRegex(result.stderr, r"\Awarp: [^\n]+\n\Z")
        self.assertIn(sentence, result.stderr)


class MonitoringTest(unittest.TestCase):
    """docs/monitoring uses metrics that there are, and nothing else."""

    def setUp(self):
        page = (SOURCE / "docs/metrics.md").read_text()
        self.metrics = set(re.findall(r"^\| `(warp_\w+)` \|", page, re.MULTILINE))
        self.assertGreater(len(self.metrics), 50)

    def assert_known(self, text):
        used = set(re.findall(r"\bwarp_\w+", text))
        self.assertTrue(used)
        self.assertEqual(used - self.metrics, set())

    def test_rules(self):
        rules = SOURCE / "docs/monitoring/rules.yml"
        expressions = re.sub(r"^ *#.*", "", rules.read_text(), flags=re.MULTILINE)
        self.assert_known(expressions)
        if not shutil.which("promtool"):
            self.skipTest("needs promtool")
        for command in (("check", "rules", rules), ("test", "rules", SOURCE / "tests/tools/metrics/alerts_test.yml")):
            result = subprocess.run(["promtool", *command], capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_dashboard(self):
        dashboard = json.loads((SOURCE / "docs/monitoring/dashboard.json").read_text())
        self.assertEqual(len({panel["id"] for panel in dashboard["panels"]}), len(dashboard["panels"]))
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                with self.subTest(panel["title"]):
                    self.assert_known(target["expr"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
