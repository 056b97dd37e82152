"""Runs the playbook of docs/examples/ansible at three hosts that are folders of this machine: ansible_run_test.py WARP SOURCE

Without ansible-playbook the test is skipped. Packages and services are left out: a program of the test stands for systemctl.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

WARP = sys.argv.pop(1)
EXAMPLE = pathlib.Path(sys.argv.pop(1)) / "docs/examples/ansible"
SKIPPED = 77

HOSTS = """
all:
  vars:
    ansible_connection: local
    ansible_python_interpreter: /usr/bin/python3
    warp_program: {warp}
    warp_directory: "{folder}/{{{{ inventory_hostname }}}}"
    warp_apply: ["{folder}/apply", "{folder}/log", "{{{{ inventory_hostname }}}}"]
    warp_install: false
    warp_service: false
maps:
  hosts: {{map1.example.net: }}
hubs:
  hosts:
    hub1: {{warp_address: 10.9.0.1/16, warp_networks: [10.0.0.0/16], warp_ports: [{{interface: eth0}}]}}
sites:
  hosts:
    site1: {{warp_address: 10.9.1.1/16, warp_networks: [192.168.1.0/24]}}
"""


class PlaybookTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        shutil.copytree(EXAMPLE, self.folder / "example")
        self.hosts = self.folder / "example/inventory/hosts.yml"
        self.hosts.write_text(HOSTS.format(warp=WARP, folder=self.folder))
        for host in ("map1.example.net", "hub1", "site1"):
            (self.folder / host).mkdir()
        (self.folder / "apply").write_text('#!/bin/sh\necho "$2 $3" >>"$1"\n')
        (self.folder / "apply").chmod(0o755)

    def play(self, *arguments):
        """Returns the result, and what was changed and put into force at each host."""
        (self.folder / "log").write_text("")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        environment |= {"HOME": str(self.folder), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1", "LC_ALL": "C.UTF-8"}
        result = subprocess.run(
            ["ansible-playbook", "-i", self.hosts, "site.yml", *arguments],
            cwd=self.folder / "example", env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        changed = dict(re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", result.stdout, re.MULTILINE))
        return result, changed, (self.folder / "log").read_text().splitlines()

    def text(self, host, name="warpd.yaml"):
        return (self.folder / host / name).read_text()

    def test_the_syntax(self):
        result, _, _ = self.play("--syntax-check")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_from_nothing_to_a_change(self):
        result, _, applied = self.play()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(applied, ["map1.example.net warp-map", "hub1 warpd", "site1 warpd"])
        for host in ("hub1", "site1"):
            check = subprocess.run([WARP, "check", self.folder / host / "warpd.yaml"], capture_output=True, text=True, check=False)
            self.assertEqual(check.returncode, 0, check.stderr)
        key = (self.folder / "example/inventory/keys/site1.pub").read_text().strip()
        self.assertIn(key, self.text("hub1"))
        self.assertEqual((self.folder / "site1/private.key").stat().st_mode & 0o777, 0o600)
        self.assertIn("map.key", self.text("map1.example.net", "map.yaml"))

        # A key of one host concerns that host alone: nothing else changes, and no other daemon is touched.
        self.hosts.write_text(self.hosts.read_text().replace("10.9.1.1/16,", "10.9.1.1/16, warp_node: {polling: interrupt},"))
        result, changed, applied = self.play()
        self.assertEqual((result.returncode, applied), (0, ["site1 warpd"]), result.stdout)
        self.assertEqual({host: count for host, count in changed.items() if host != "site1"}, {"map1.example.net": "0", "hub1": "0"})
        self.assertIn('polling: "interrupt"', self.text("site1"))

        # What `warp check` refuses leaves the file and the daemon as they are.
        before = self.text("site1")
        self.hosts.write_text(self.hosts.read_text().replace("10.9.1.1/16,", "10.9.1.1/16, warp_tunnel: {mode: strip},"))
        result, _, applied = self.play("--limit", "sites")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("did you mean", result.stdout)
        self.assertEqual((applied, self.text("site1")), ([], before))


if __name__ == "__main__":
    if shutil.which("ansible-playbook") is None:
        print("skipped: there is no ansible-playbook")
        sys.exit(SKIPPED)
    unittest.main()
