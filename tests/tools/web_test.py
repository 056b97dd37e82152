"""Runs `warp web` over a daemon that the test plays, and says everything to it that strangers could: web_test.py WARP"""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from control_socket import Daemon, HttpOverUnix

WARP = sys.argv[1]
PATIENCE = 90  # seconds, for what must not hang
TOKEN = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
NOBODY = 65534


class WebTest(unittest.TestCase):
    def setUp(self):
        self.here = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.here)
        self.socket = f"{self.here}/d.sock"
        self.place = f"{self.here}/w.sock"
        self.token = f"{self.here}/token"
        with open(os.open(self.token, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(TOKEN + "\n")
        self.program = None

    def daemon(self):
        daemon = Daemon(self.socket)
        self.addCleanup(daemon.close)
        return daemon

    def serve(self, *arguments):
        """Starts `warp web` at a Unix socket, unless the arguments say where, and returns when it is ready."""
        where = () if "--listen" in arguments else ("--listen", f"unix:{self.place}")
        self.program = subprocess.Popen([WARP, "web", "--socket", self.socket, *where, *arguments], stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.line = self.program.stderr.readline().strip()
        self.assertIn("warp web: ready at ", self.line)

    def end(self):
        if self.program.poll() is None:
            self.program.terminate()
        self.program.wait(PATIENCE)
        self.program.stderr.close()

    def ask(self, method, path, body=None, connection=None, **headers):
        with contextlib.closing(connection or HttpOverUnix(self.place, PATIENCE)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer

    def change(self, change, **headers):
        headers = {"Authorization": f"Bearer {TOKEN}", "X_Warp": "1"} | headers
        return self.ask("POST", "/api/change", json.dumps(change), **headers)[:2]

    def view(self, wanted, **headers):
        """Waits until the view is as wanted, and returns it."""
        for _ in range(PATIENCE * 10):
            view = json.loads(self.ask("GET", "/api/view", **headers)[1])
            if wanted(view):
                return view
            time.sleep(0.1)
        raise AssertionError(f"the view stays {view}")

    def client(self, sent=b""):
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(PATIENCE)
        client.connect(self.place)
        client.sendall(sent)
        return client

    def events(self):
        """Opens a stream and returns it as a file, behind the head of the answer."""
        file = self.client(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").makefile("rb")
        self.addCleanup(file.close)
        self.assertIn(b" 200 ", file.readline())
        while file.readline() not in (b"\r\n", b""):
            pass
        return file

    def event(self, file):
        """Returns the next event and its data. The lengths of chunks stand between."""
        name = None
        for line in iter(file.readline, b""):
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
            if line.startswith(b"data: "):
                return name, json.loads(line[6:])
        return None

    # --- What is shown ---

    def test_the_page_and_the_view(self):
        self.daemon()
        self.serve()
        code, text, answer = self.ask("GET", "/")
        self.assertEqual((code, answer.getheader("Content-Type")), (200, "text/html; charset=utf-8"))
        self.assertTrue(text.startswith("<!doctype html>") and text.endswith("</html>\n"))
        self.assertIn("default-src 'none'", answer.getheader("Content-Security-Policy"))
        view = self.view(lambda view: view.get("health") == "good")
        self.assertEqual((view["answer"], view["reason"]), ("It works.", "2 of 2 links carry payloads to hq."))

    def test_events_follow_each_other(self):
        daemon = self.daemon()
        self.serve()
        self.view(lambda view: view.get("health") == "good")
        file = self.events()
        name, view = self.event(file)
        self.assertEqual((name, view["seconds"]), ("view", 60))
        daemon.answers["status"]["ports"][1] |= {"state": "down", "reason": "no link"}
        for _ in range(10):
            name, step = self.event(file)
            self.assertEqual((name, step["number"]), ("step", view["number"] + 1))
            view = step
            if step["health"] != "good":
                break
        self.assertEqual(step["troubles"][0]["what"], "Link lte is down")

    def test_a_daemon_that_comes_and_goes(self):
        self.serve()
        self.view(lambda view: "no daemon answers" in view.get("reason", ""))
        daemon = self.daemon()
        self.view(lambda view: view["health"] == "good")
        daemon.answers["status"] = b"\xff\x00 nonsense"
        self.view(lambda view: view["health"] == "bad")

    def test_an_address(self):
        self.daemon()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        self.serve("--listen", f"127.0.0.1:{port}")

        def ask(path, **headers):
            return self.ask("GET", path, connection=http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE), **headers)[0]

        self.assertEqual(ask("/"), 200)
        # All users of the machine reach it, and not all may ask the daemon.
        self.assertEqual(ask("/api/view"), 401)
        made = re.search(r"http://127\.0\.0\.1:\d+/#([0-9a-f]{64})$", self.line).group(1)
        self.assertEqual(ask("/api/view", Authorization=f"Bearer {made}"), 200)
        self.end()
        os.chmod(self.socket, 0o666)
        self.serve("--listen", f"127.0.0.1:{port}")
        self.assertEqual(ask("/api/view"), 200)

    # --- Who may ---

    def test_a_name_that_leads_here_is_not_enough(self):
        self.daemon()
        self.serve("--host", "node.example")
        self.assertEqual(self.ask("GET", "/", Host="evil.example")[0], 421)
        self.assertEqual(self.ask("GET", "/", Host="node.example")[0], 200)
        self.assertEqual(self.ask("GET", "/api/view", Sec_Fetch_Site="cross-site")[0], 403)

    def test_a_token_locks_everything_but_the_page(self):
        self.daemon()
        self.serve("--token-file", self.token)
        self.assertEqual(self.ask("GET", "/")[0], 200)
        for path in ("/api/view", "/api/events"):
            self.assertEqual(self.ask("GET", path)[0], 401)
        self.view(lambda view: view.get("health") == "good", Authorization=f"Bearer {TOKEN}")
        self.assertEqual(self.change({"tunnel": "office", "mode": "backup"})[0], 403)  # no --allow-changes

    def test_changes_reach_the_daemon(self):
        daemon = self.daemon()
        self.serve("--token-file", self.token, "--allow-changes")
        self.view(lambda view: view.get("health") == "good", Authorization=f"Bearer {TOKEN}")
        self.assertEqual(self.change({"tunnel": "office", "mode": "backup"})[0], 200)
        self.assertIn("tunnel set office mode=backup", daemon.requests)
        self.assertEqual(self.change({"link": "lte", "include": False})[0], 200)
        self.assertIn("tunnel set office paths=fibre", daemon.requests)
        seen = self.view(lambda view: view["links"][1]["used_by"] == 0, Authorization=f"Bearer {TOKEN}")
        self.assertEqual(seen["tunnels"][0]["mode"], "backup")
        self.assertEqual(self.change({"link": "fibre", "include": False}), (
            400, '{"error":"tunnel office: fibre is the only link that it may use, and stays"}\n'))
        self.assertEqual(self.change({"link": "lte", "include": True})[0], 200)
        self.assertIn("tunnel set office paths=all", daemon.requests)
        self.assertEqual(self.change({"tunnel": "nobody", "mode": "backup"})[0], 404)
        daemon.answers["tunnel"] = lambda line: {"error": "only root may"}
        code, text = self.change({"tunnel": "office", "mode": "stripe"})
        self.assertEqual((code, json.loads(text)["error"]), (400, "only root may"))
        asked = {line for line in daemon.requests if not line.startswith("tunnel set office ")}
        self.assertEqual(asked, {"status", "tunnel show"})

    # --- Who does not behave ---

    def test_requests_are_bounded(self):
        self.daemon()
        self.serve("--token-file", self.token, "--allow-changes")
        head = b"POST /api/change HTTP/1.1\r\nHost: localhost\r\nX-Warp: 1\r\n"
        for rest in (b"Content-Length: 5000\r\n\r\n", b"Content-Length: 99999999999999999999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"):
            answer = self.client(head + rest).makefile("rb").readline()
            self.assertRegex(answer, rb" 4(13|00) ")
        for nonsense in (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 9000, b"G" * 100000, b"\x00\xff\r\n\r\n" * 100):
            client = self.client()
            with contextlib.suppress(OSError):
                client.sendall(nonsense)
            with contextlib.suppress(OSError):
                self.assertNotIn(b" 200 ", client.recv(65536))
        self.assertEqual(self.ask("GET", "/")[0], 200)

    def test_who_trickles_is_ended(self):
        self.daemon()
        self.serve()
        client = self.client(b"GET / HTTP/1.1\r\nX-Slow: ")
        ended = threading.Event()

        def trickle():
            with contextlib.suppress(OSError):
                while not ended.wait(0.3):
                    client.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            self.assertNotIn(b" 200 ", client.recv(4096))  # ends long before PATIENCE
        except ConnectionResetError:
            pass
        finally:
            ended.set()
            thread.join()

    def test_a_crowd_keeps_nobody_out(self):
        """Who says nothing makes room for who comes after him, long before his time is over."""
        self.daemon()
        self.serve()
        crowd = []
        for _ in range(2000):
            try:
                crowd.append(self.client(b"GET / HT"))
            except BlockingIOError:  # the queue of those that wait to be accepted is full
                time.sleep(0.02)
            if len(crowd) == 300:
                break
        self.assertEqual(len(crowd), 300)
        for _ in range(PATIENCE * 10):
            with contextlib.suppress(BlockingIOError):
                self.assertEqual(self.ask("GET", "/")[0], 200)
                break
            time.sleep(0.1)
        else:
            self.fail("the crowd stays")
        ended = 0
        for client in crowd[:200]:
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                try:
                    ended += client.recv(1) == b""
                except ConnectionResetError:
                    ended += 1
        self.assertEqual(ended, 200)

    def test_so_many_may_watch_and_who_does_not_read_delays_nobody(self):
        self.daemon()
        self.serve()
        self.view(lambda view: view.get("health") == "good")
        files = [self.events() for _ in range(24)]
        self.assertEqual(self.ask("GET", "/api/events")[0], 503)
        for _ in range(3):
            self.assertIsNotNone(self.event(files[-1]))  # the others read nothing
        self.assertEqual(self.ask("GET", "/")[0], 200)
        for file in files:
            file.close()

    # --- The process ---

    def refuses(self, sentence, *arguments):
        result = subprocess.run([WARP, "web", "--socket", self.socket, *arguments], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((result.returncode, result.stdout), (1, ""), arguments)
        self.assertRegex(result.stderr, r"\Awarp: [^\n]+\n\Z")
        self.assertIn(sentence, result.stderr)

    def test_it_does_not_start_where_it_would_be_open(self):
        for address in ("0.0.0.0:8116", "[::]:8116", "192.0.2.1:8116"):
            self.refuses("--token-file names the secret", "--listen", address)
        # With a token it is meant, and fails because this machine has no such address.
        self.refuses("Cannot assign requested address", "--token-file", self.token, "--listen", "192.0.2.1:8116")
        self.refuses("--allow-changes needs --token-file", "--allow-changes")
        os.chmod(self.token, 0o644)
        self.refuses("open to group or others", "--token-file", self.token)
        self.refuses("warp keygen", "--token-file", f"{self.here}/none")
        with open(self.token, "w") as file:
            file.write("secret\n")
        os.chmod(self.token, 0o600)
        self.refuses("a token has 32 to 512 characters", "--token-file", self.token)

    def test_a_unix_socket_is_the_groups_and_goes_at_the_end(self):
        self.serve()
        self.assertEqual(stat.S_IMODE(os.stat(self.place).st_mode), 0o660)
        self.program.send_signal(signal.SIGTERM)
        self.assertEqual(self.program.wait(PATIENCE), 0)
        self.assertFalse(os.path.exists(self.place))

    def children(self):
        with open(f"/proc/{self.program.pid}/task/{self.program.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_serves_nobody(self):
        self.daemon()
        self.serve()
        (child,) = self.children()
        with open(f"/proc/{child}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        self.assertEqual(status["Uid"].split(), [str(NOBODY)] * 4)
        self.assertEqual(status["Gid"].split(), [str(NOBODY)] * 4)
        self.assertEqual(status["Groups"].split(), [])
        for capabilities in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            self.assertEqual(int(status[capabilities], 16), 0, capabilities)
        self.assertEqual(status["NoNewPrivs"], "1")
        # It has neither the daemon's socket nor any file of root's but what it serves by.
        self.view(lambda view: view.get("health") == "good")
        self.program.kill()
        self.program.wait()
        for _ in range(PATIENCE * 10):  # it ends with who asks for it
            if not os.path.exists(f"/proc/{child}"):
                break
            time.sleep(0.1)
        self.assertFalse(os.path.exists(f"/proc/{child}"))

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_is_not_served_as(self):
        self.refuses("strangers are not served as root", "--user", "root", "--listen", f"unix:{self.place}")
        self.refuses("there is no user warp-nobody", "--user", "warp-nobody", "--listen", f"unix:{self.place}")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_who_is_not_root_asks_itself(self):
        self.daemon()
        os.chmod(self.here, 0o777)
        os.chmod(self.socket, 0o666)
        command = [WARP, "web", "--socket", self.socket, "--listen", f"unix:{self.place}"]
        self.program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, user=NOBODY, group=NOBODY, extra_groups=[])
        self.addCleanup(self.end)
        self.assertIn("ready at", self.program.stderr.readline())
        self.assertEqual(self.children(), [])
        self.view(lambda view: view.get("health") == "good")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
