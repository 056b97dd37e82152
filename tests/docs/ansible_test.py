"""Tests docs/examples/ansible without Ansible: ansible_test.py WARP SOURCE

The role's templates are rendered for its own inventory, and for one with two hundred sites, and `warp check` reads what
came of it. ansible_run_test.py runs the playbook itself.
"""

import base64
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import jinja2
import yaml

WARP = sys.argv.pop(1)
EXAMPLE = pathlib.Path(sys.argv.pop(1)) / "docs/examples/ansible"
ROLE = EXAMPLE / "roles/warp"


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def key_of(host):
    """Returns a public key that is always the same for a host."""
    return base64.b64encode(hashlib.sha256(host.encode()).digest()).decode()


class Inventory:
    """What Ansible knows of hosts: their variables, by those of the role, of all, of their group and their own."""

    def __init__(self, hosts):
        self.groups = {group: list(members["hosts"]) for group, members in hosts.items()}
        defaults = load(ROLE / "defaults/main.yml")
        defaults["warp_keys"] = "keys"
        self.hosts = {}
        for group, members in hosts.items():
            for host, own in members["hosts"].items():
                variables = dict(defaults)
                for name in ("all", group):
                    variables |= load(EXAMPLE / f"inventory/group_vars/{name}.yml")
                self.hosts[host] = variables | (own or {})

    def render(self, host):
        variables = self.hosts[host]
        environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
        environment.filters["to_json"] = json.dumps
        environment.filters["regex_replace"] = lambda text, old, new: re.sub(old, new, text)
        file = "map.yaml" if variables["warp_daemon"] == "warp-map" else "warpd.yaml"
        template = environment.from_string((ROLE / f"templates/{file}.j2").read_text(encoding="utf-8"))
        return template.render(
            variables,
            ansible_managed="Ansible managed",
            groups=self.groups,
            hostvars=self.hosts,
            lookup=lambda _, path: key_of(path.removeprefix("keys/").removesuffix(".pub")) + "\n",
        )


def check(text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        return subprocess.run([WARP, "check", "--no-keys", file.name], capture_output=True, text=True, check=False)


class AnsibleTest(unittest.TestCase):
    def accepts(self, inventory, host):
        """Returns the configuration of a host, which `warp check` accepts without a warning."""
        text = inventory.render(host)
        result = check(text)
        self.assertEqual((result.returncode, result.stderr), (0, ""), text)
        self.assertNotIn("warning", result.stdout, text)
        return yaml.safe_load(text)

    def test_the_inventory_of_the_example(self):
        inventory = Inventory(load(EXAMPLE / "inventory/hosts.yml"))
        self.assertIn("private_key_file", self.accepts(inventory, "map1.example.net"))
        hub = self.accepts(inventory, "hub1.example.net")
        site = self.accepts(inventory, "site002")
        self.assertEqual([peer["name"] for peer in hub["peers"]], ["site001", "site002"])
        self.assertEqual(hub["peers"][1]["public_key"], key_of("site002"))
        self.assertEqual(site["peers"][0]["public_key"], key_of("hub1.example.net"))
        self.assertEqual(site["map"][0]["public_key"], key_of("map1.example.net"))
        self.assertEqual(site["ports"][0]["interface"], "wwan*")
        # Each end reaches the other's address and networks by the tunnel, and both call the tunnel by one number.
        self.assertEqual(hub["tunnels"][1]["gate"]["tun"]["routes"], ["10.9.1.2/32", "192.168.2.0/24"])
        self.assertEqual(site["tunnels"][0]["gate"]["tun"]["routes"], ["10.9.0.1/32", "10.0.0.0/16"])
        self.assertEqual({tunnel["id"] for tunnel in hub["tunnels"] + site["tunnels"]}, {1})
        self.assertEqual(["address" in tunnel["gate"]["tun"] for tunnel in hub["tunnels"]], [True, False])

    def test_two_hundred_sites(self):
        hosts = load(EXAMPLE / "inventory/hosts.yml")
        hosts["sites"]["hosts"] = {
            f"site{n:03}": {"warp_address": f"10.9.{1 + n // 200}.{1 + n % 200}/16", "warp_networks": [f"192.168.{n}.0/24"]}
            for n in range(200)
        }
        inventory = Inventory(hosts)
        hub = self.accepts(inventory, "hub1.example.net")
        self.assertEqual((len(hub["peers"]), len(hub["tunnels"])), (200, 200))
        self.accepts(inventory, "site199")

    def test_what_the_model_does_not_cover(self):
        hosts = load(EXAMPLE / "inventory/hosts.yml")
        gate = {"loopback": {"listen": "127.0.0.1:9000"}}
        hosts["sites"]["hosts"]["site001"] |= {
            "warp_node": {"polling": "interrupt"},
            "warp_preshared_keys": {"hub1.example.net": "secret"},
            "warp_more_peers": [{"name": "friend", "public_key": key_of("friend"), "endpoints": ["198.51.100.7:13116"]}],
            "warp_more_tunnels": [{"name": "video", "id": 7, "peer": "friend", "gate": gate}],
        }
        site = self.accepts(Inventory(hosts), "site001")
        self.assertEqual(site["node"]["polling"], "interrupt")
        self.assertEqual(site["peers"][0]["preshared_key_file"], "/etc/warp/hub1.example.net.psk")
        self.assertEqual(site["tunnels"][1]["name"], "video")

    def test_a_mistake_in_the_inventory_is_refused(self):
        hosts = load(EXAMPLE / "inventory/hosts.yml")
        hosts["sites"]["hosts"]["site001"]["warp_tunnel"] = {"mode": "stripes"}
        result = check(Inventory(hosts).render("site001"))
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r":\d+: tunnels\[0\].mode: ")

    def test_each_variable_of_the_templates_has_a_default(self):
        defaults = load(ROLE / "defaults/main.yml")
        for path in ROLE.rglob("*.[yj]*"):
            for name in re.findall(r"\bwarp_(?!file\b|key_file\b|apt\b|public_key\b)\w+", path.read_text(encoding="utf-8")):
                self.assertIn(name, defaults, path)


if __name__ == "__main__":
    unittest.main()
