"""Runs tools/setup with an apt-get, a meson and a ninja that the test makes: setup_test.py SOURCE

Checks what tools/setup says when packages cannot be installed, and what it builds.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1))

# Each program appends its command to `calls`. If a file named after its command exists, apt-get prints that file, and
# it fails at `install`.
APT = """#!/bin/sh
for word; do case $word in update | install) command=$word ;; esac; done
echo "apt-get $command" >> "$HERE/calls"
[ ! -e "$HERE/$command" ] || cat "$HERE/$command" >&2
[ "$command" != install ] || [ ! -e "$HERE/install" ]
"""
RECORD = '#!/bin/sh\necho "${0##*/} $*" >> "$HERE/calls"\n'
AS_ROOT = '#!/bin/sh\nexec "$@"\n'


class SetupTest(unittest.TestCase):
    def setUp(self):
        self.here = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.here)
        (self.here / "tools").mkdir()
        (self.here / "tests").mkdir()
        (self.here / "bin").mkdir()
        shutil.copy(SOURCE / "tools/setup", self.here / "tools/setup")
        self.packages("")
        programs = {"apt-get": APT, "meson": RECORD, "ninja": RECORD, "sudo": AS_ROOT}
        programs |= {"dpkg-query": "#!/bin/sh\necho installed here-already\n", "dpkg": "#!/bin/sh\necho amd64\n"}
        for name, text in programs.items():
            (self.here / "bin" / name).write_text(text)
            (self.here / "bin" / name).chmod(0o755)

    def packages(self, text):
        (self.here / "tools/packages.txt").write_text(text)
        (self.here / "tests/packages.txt").write_text("for-tests\n" if text else "")

    def apt_says(self, command, text):
        (self.here / command).write_text(text)

    def run_setup(self, *arguments, **environment):
        path = f"{self.here}/bin:{os.environ['PATH']}"
        clean = {name: value for name, value in os.environ.items() if name != "WARP_BUILD"}
        return subprocess.run([self.here / "tools/setup", *arguments], capture_output=True, text=True,
                              env=clean | {"PATH": path, "HERE": str(self.here)} | environment)

    def calls(self):
        calls = self.here / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def test_installs_only_what_is_missing(self):
        self.packages("here-already\nwanted  # why\nfor-others [arm64]\n")
        result = self.run_setup("--packages")
        self.assertEqual((result.returncode, self.calls()), (0, ["apt-get install"]))
        self.assertIn("installing 2 packages: for-tests wanted\n", result.stdout)

    def test_the_programs_need_no_package_of_the_tests(self):
        self.packages("wanted\n")
        self.assertIn("installing 1 packages: wanted\n", self.run_setup().stdout)

    def test_a_package_that_no_source_has_is_named(self):
        self.packages("wanted\n")
        self.apt_says("install", "E: Unable to locate package wanted\n")
        result = self.run_setup()
        self.assertEqual((result.returncode, self.calls()), (1, ["apt-get install", "apt-get update", "apt-get install"]))
        self.assertIn("its sources do not have wanted,", result.stderr)
        self.assertNotIn("network", result.stderr)

    def test_without_lists_it_is_the_network(self):
        self.packages("wanted\n")
        self.apt_says("update", "W: Failed to fetch mirror:/InRelease  Temporary failure resolving\n")
        self.apt_says("install", "E: Unable to locate package wanted\n")
        result = self.run_setup()
        self.assertEqual(result.returncode, 1)
        self.assertIn("a download failed (is the network up?)", result.stderr)
        self.assertNotIn("do not have", result.stderr)

    def test_any_other_fault_is_shown(self):
        self.packages("wanted\n")
        self.apt_says("install", "E: Sub-process /usr/bin/dpkg returned an error code (1)\n")
        result = self.run_setup()
        self.assertEqual(result.returncode, 1)
        self.assertIn("returned an error code (1)", result.stderr)
        self.assertIn("its last words are above", result.stderr)
        self.assertNotIn("network", result.stderr)

    def test_builds_the_programs_and_nothing_else(self):
        self.assertEqual(self.run_setup().returncode, 0)
        self.assertEqual(self.calls(), ["meson setup build", "ninja -C build control/warpd map-server/warp-map tools/warp"])

    def test_builds_everything_where_it_is_told_to(self):
        self.assertEqual(self.run_setup("--all", WARP_BUILD="elsewhere").returncode, 0)
        self.assertEqual(self.calls(), ["meson setup elsewhere", "ninja -C elsewhere all"])

    def test_what_was_configured_without_the_tests_is_configured_again_for_them(self):
        (self.here / "build").mkdir()
        (self.here / "build/build.ninja").write_text("")
        self.assertEqual(self.run_setup("--all").returncode, 0)
        again = ["meson configure --clearcache build", "meson setup --reconfigure build", "ninja -C build all"]
        self.assertEqual(self.calls(), again)

    def test_what_was_configured_with_the_tests_is_built(self):
        (self.here / "build/tests").mkdir(parents=True)
        (self.here / "build/build.ninja").write_text("")
        self.assertEqual(self.run_setup("--all").returncode, 0)
        self.assertEqual(self.calls(), ["ninja -C build all"])

    def test_unknown_arguments_build_nothing(self):
        result = self.run_setup("--everything")
        self.assertEqual((result.returncode, self.calls()), (2, []))
        self.assertIn("tools/setup --all", result.stderr)


if __name__ == "__main__":
    unittest.main()
