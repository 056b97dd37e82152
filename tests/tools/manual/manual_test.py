"""Tests the documentation that is made while building, as those programs read it that will: manual_test.py WARP MANUAL

MANUAL is the directory that warp-manual wrote. What needs a program that is not installed (zsh, fish) is skipped.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import unittest

WARP = sys.argv.pop(1)
MANUAL = pathlib.Path(sys.argv.pop(1))
PAGES = sorted(MANUAL.glob("man*/*"))


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def help_of(*verbs):
    return run(WARP, *verbs, "--help").stdout


def verbs_of(*verbs):
    """Returns the verbs that --help lists below a verb."""
    _, _, listed = help_of(*verbs).partition("Subcommands:\n")
    return re.findall(r"^  ([a-z-]+)  ", listed, re.MULTILINE)


def options_of(*verbs):
    return set(re.findall(r"--[a-z-]+", help_of(*verbs)))


def plain(page):
    """Returns the text of a page as a terminal shows it, on lines as long as they come."""
    text = run("groff", "-man", "-Tutf8", "-P-c", "-rLL=2000n", page).stdout
    return re.sub(r".\x08", "", text)


@unittest.skipUnless(shutil.which("groff"), "there is no groff")
class ManTest(unittest.TestCase):
    def test_no_page_is_wrong(self):
        self.assertGreater(len(PAGES), 3)
        for page in PAGES:
            result = run("groff", "-man", "-Tutf8", "-ww", "-z", page)
            self.assertEqual((result.returncode, result.stderr), (0, ""), page)

    def test_each_verb_has_a_page_with_all_its_options(self):
        verbs = verbs_of()
        self.assertIn("status", verbs)
        for verb in verbs:
            text = plain(MANUAL / f"man1/warp-{verb}.1")
            options = options_of(verb)
            for below in verbs_of(verb):
                options |= options_of(verb, below)
            for option in options - {"--help"}:
                self.assertIn(option, text, verb)

    def test_the_programs_have_pages(self):
        for page in ("man1/warp.1", "man5/warp.yaml.5", "man8/warpd.8", "man8/warp-map.8"):
            self.assertIn(MANUAL / page, PAGES)

    def test_the_configuration_has_every_key(self):
        text = plain(MANUAL / "man5/warp.yaml.5")
        for arguments in ([], ["--map"]):
            tables = run(WARP, "example-config", "--reference", *arguments).stdout
            keys = re.findall(r"^\| `([a-z_]+)` \|", tables, re.MULTILINE)
            self.assertGreater(len(keys), 4)
            for key in keys:
                self.assertRegex(text, rf"(?m)^ +{key} \(", key)


class ExampleTest(unittest.TestCase):
    def test_the_examples_are_valid(self):
        for name in ("warpd", "map"):
            result = run(WARP, "check", "--no-keys", MANUAL / f"warp/{name}.yaml.example")
            self.assertEqual(result.returncode, 0, result.stderr)


class BashTest(unittest.TestCase):
    def complete(self, line, program="warp"):
        """Returns what bash offers where the line ends."""
        words = line.split(" ")
        script = f"""
            . '{MANUAL}/completions/{program}'
            compopt() {{ :; }}
            COMP_WORDS=({" ".join(f"'{word}'" for word in words)})
            COMP_CWORD={len(words) - 1}
            _{program.replace("-", "_")}
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        result = run("bash", "-c", script, cwd=MANUAL)
        self.assertEqual((result.returncode, result.stderr), (0, ""), line)
        return result.stdout.split()

    def test_verbs(self):
        self.assertEqual(self.complete("warp sta"), ["status"])
        self.assertEqual(set(self.complete("warp ")), set(verbs_of()))
        self.assertEqual(set(self.complete("warp gauge --json ")), set(verbs_of("gauge")))
        self.assertEqual(self.complete("warp gauge tx t"), [])

    def test_options(self):
        self.assertEqual(set(self.complete("warp status --")), options_of("status"))
        self.assertIn("--json", self.complete("warp tunnel set office --"))
        self.assertIn("--version", self.complete("warp --"))
        self.assertIn("--private-key-file", self.complete("warp-map --p", "warp-map"))

    def test_files(self):
        self.assertIn("man1", self.complete("warp check m"))
        self.assertIn("man1", self.complete("warpd --config m", "warpd"))
        self.assertIn("man1", self.complete("warp status --socket m"))
        self.assertEqual(self.complete("warp gauge tx --rate m"), [])
        self.assertEqual(self.complete("warp keygen m"), [])

    def test_an_application_of_warp_run_is_not_ours(self):
        self.assertEqual(self.complete("warp run --gate t -- cat --"), [])


class ShellsTest(unittest.TestCase):
    def each(self, folder):
        files = sorted((MANUAL / folder).iterdir())
        self.assertEqual(len(files), 3)
        return files

    def parses(self, shell, folder):
        if shutil.which(shell) is None:
            self.skipTest(f"there is no {shell}")
        for file in self.each(folder):
            result = run(shell, "-n", file)
            self.assertEqual((result.returncode, result.stderr), (0, ""), file)

    def test_bash(self):
        self.parses("bash", "completions")

    def test_zsh(self):
        self.parses("zsh", "site-functions")

    def test_fish(self):
        self.parses("fish", "vendor_completions.d")

    @unittest.skipUnless(shutil.which("fish"), "there is no fish")
    def test_fish_completes(self):
        def complete(line):
            script = f"source '{MANUAL}/vendor_completions.d/warp.fish'; complete -C '{line}'"
            return [answer.split("\t")[0] for answer in run("fish", "-c", script).stdout.splitlines()]

        self.assertEqual(complete("warp sta"), ["status"])
        self.assertEqual(set(complete("warp ")), set(verbs_of()))
        self.assertEqual(set(complete("warp tunnel ")), set(verbs_of("tunnel")))
        self.assertIn("--json", complete("warp tunnel show --"))


if __name__ == "__main__":
    unittest.main()
