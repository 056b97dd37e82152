"""Checks what an installation has besides programs and manual: units_test.py SOURCE BUILD"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1))
BUILD = pathlib.Path(sys.argv.pop(1))
DAEMONS = ("warpd", "warp-map")


def unit(daemon):
    return (BUILD / f"tools/packaging/{daemon}.service").read_text()


def value(text, key):
    return re.search(rf"^{key}=(.*)$", text, re.MULTILINE).group(1)


# How much a unit may leave open, of 100, as systemd judges it; it shows a tenth of that, and calls this OK.
MOST_EXPOSURE = 30


def analyze(daemon, *words):
    """Returns what systemd-analyze says of a unit, which is laid beside nothing else that is WARP's."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / f"{daemon}.service"
        # Neither the programs are installed here nor the manual; systemd asks for both.
        text = re.sub(r"^(ExecStart|ExecReload)=/\S+", rf"\1={sys.executable}", unit(daemon), flags=re.MULTILINE)
        file.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE))
        return subprocess.run(["systemd-analyze", *words, file], capture_output=True, text=True, check=False)


class UnitsTest(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_systemd_understands_them(self):
        for daemon in DAEMONS:
            result = analyze(daemon, "verify", "--recursive-errors=no")
            self.assertEqual((result.returncode, result.stderr), (0, ""), daemon)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_they_leave_little_open(self):
        for daemon in DAEMONS:
            result = analyze(daemon, "security", "--offline=yes", "--no-pager", f"--threshold={MOST_EXPOSURE}")
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_each_daemon_runs_as_the_user_that_is_made(self):
        for daemon in DAEMONS:
            users = (SOURCE / f"tools/packaging/systemd/{daemon}.sysusers").read_text()
            user = value(unit(daemon), "User")
            self.assertRegex(users, rf"(?m)^u {user} ")
            keys = (SOURCE / f"tools/packaging/systemd/{daemon}.tmpfiles").read_text()
            for line in keys.splitlines():
                if not line.startswith("#"):
                    self.assertRegex(line, rf"^z /etc/warp/\S+ - {user} {user}$")

    def test_hooks_have_a_user_of_their_own(self):
        code = (SOURCE / "control/hook/hook_rights.h").read_text()
        user = re.search(r'kHookUser\[\] = "(.*)"', code).group(1)
        self.assertNotEqual(user, value(unit("warpd"), "User"))
        self.assertRegex((SOURCE / "tools/packaging/systemd/warpd.sysusers").read_text(), rf"(?m)^u {user} - ")
        for right in ("CAP_SETUID", "CAP_SETGID"):
            self.assertIn(right, value(unit("warpd"), "AmbientCapabilities").split())

    def test_each_has_the_rights_that_it_may_have(self):
        for daemon in DAEMONS:
            self.assertEqual(value(unit(daemon), "AmbientCapabilities"), value(unit(daemon), "CapabilityBoundingSet"))

    def test_the_key_of_the_example_is_given_to_the_daemon(self):
        for daemon, example in (("warpd", "warpd"), ("warp-map", "map")):
            text = (BUILD / f"tools/manual/warp/{example}.yaml.example").read_text()
            key = re.search(r"^ *private_key_file: (\S+)$", text, re.MULTILINE).group(1)
            keys = (SOURCE / f"tools/packaging/systemd/{daemon}.tmpfiles").read_text()
            self.assertIn(f"\nz {key} ", keys)

    def test_every_installed_file_is_in_a_package(self):
        """What meson installs, and what the packages take of it, are told by two lists."""
        taken = ""
        for package in ("warp", "warpd", "warp-map"):
            taken += (SOURCE / f"tools/packaging/debian/{package}.install").read_text()
        taken = set(taken.split())
        manual = BUILD / "tools/manual"
        places = {
            "man1": "usr/share/man/man1", "man5": "usr/share/man/man5", "man8": "usr/share/man/man8",
            "completions": "usr/share/bash-completion/completions", "site-functions": "usr/share/zsh/vendor-completions",
            "vendor_completions.d": "usr/share/fish/vendor_completions.d", "warp": "etc/warp",
        }  # fmt: skip
        for folder, place in places.items():
            for file in (manual / folder).iterdir():
                self.assertTrue(place in taken or f"{place}/{file.name}" in taken, file)


if __name__ == "__main__":
    unittest.main()
