"""Shows that each check of docs_test.py fails where its rule is broken: breaking_test.py SOURCE BUILD

Each case changes one text of the tree in memory, and expects one complaint that names the change.
"""

import re
import sys
import unittest

import docs_test
from markdown import Tree

SOURCE = sys.argv.pop(1)
BUILD = sys.argv.pop(1)
TREE = Tree(SOURCE)


class BreakingTest(unittest.TestCase):
    def breaks(self, check, name, old, new, complaint):
        """Expects that the check complains about the file with `new` in place of each `old`."""
        text = TREE.read(name)
        self.assertIn(old, text, f"{name} has changed: this case changes nothing")
        tree = Tree(SOURCE, {name: text.replace(old, new)})
        problems = "\n".join(getattr(docs_test, f"check_{check}")(tree, BUILD))
        self.assertRegex(problems, complaint)

    def test_a_link_to_a_file_that_is_gone(self):
        self.breaks("links", "docs/README.md", "](appliance.md)", "](aplliance.md)", "there is no docs/aplliance.md")

    def test_a_link_to_a_heading_that_is_gone(self):
        self.breaks("links", "docs/config.md", "\n### `node`\n", "\n### The node\n\n[x](#node)\n", "no heading #node")

    def test_a_document_that_the_map_forgets(self):
        self.breaks("map", "docs/README.md", "](events.md)", "](status.md)", "does not lead to docs/events.md")

    def test_a_section_that_the_contents_forget(self):
        self.breaks("contents", "docs/config.md", "[Rules](#rules)", "Rules", "docs/config.md: does not lead to Rules")

    def test_a_room_that_nobody_explains(self):
        self.breaks("rooms", "docs/architecture.md", "| `control/lan` |", "| `control/len` |", "lacks control/lan")

    def test_a_verb_that_does_not_exist(self):
        self.breaks("commands", "docs/web.md", "\nwarp top ", "\nwarp tap ", r"docs/web.md:\d+: warp tap: warp has no verb tap")

    def test_a_verb_that_does_not_exist_in_a_sentence(self):
        self.breaks("commands", "docs/gates.md", "`warp status`", "`warp statis`", "warp has no verb statis")

    def test_an_option_that_does_not_exist(self):
        self.breaks("commands", "docs/metrics.md", "--listen unix", "--lissen unix", "has no option --lissen")

    def test_an_option_that_is_missing(self):
        self.breaks("commands", "README.md", "--to 127.0.0.1:9000", "", "lacks --to")

    def test_an_argument_that_is_missing(self):
        self.breaks("commands", "docs/operations.md", "warp cap set lte0 45.5GB", "warp cap set lte0", "lacks bytes")

    def test_a_word_that_an_option_does_not_take(self):
        self.breaks("commands", "docs/operations.md", "--by hour", "--by week", "takes minute, hour, day, month, and not week")

    def test_an_option_that_a_script_does_not_have(self):
        self.breaks("commands", "README.md", "tools/demo --lan", "tools/demo --wan", "tools/demo has no option --wan")

    def test_a_script_that_is_gone(self):
        self.breaks("commands", "docs/performance.md", "perf/diff", "perf/compared", "there is no perf/compared")

    def test_a_property_that_a_link_does_not_have(self):
        old = "--up rate=1Mbit,buffer"
        self.breaks("links_of_the_laboratory", "docs/lab.md", old, old.replace("rate", "speed"), 'there is no "speed"')

    def test_a_verb_that_no_document_has(self):
        silent = {name: TREE.read(name).replace("warp keygen", "warp") for name in TREE.documents()}
        problems = list(docs_test.check_verbs(Tree(SOURCE, silent), BUILD))
        self.assertEqual(problems, ["no document has `warp keygen`"])

    def test_a_key_that_is_unknown(self):
        self.breaks("configurations", "docs/appliance.md", "    mode: stripe", "    mood: stripe", r"appliance.md:\d+: .*mood")

    def test_a_value_that_is_wrong_in_a_sentence(self):
        old = '`gate: {udp: {listen: "10.9.0.1:9005", allow'
        self.breaks("configurations", "docs/gates.md", old, old.replace("allow", "admit"), r"gates.md:\d+: .*admit")

    def test_a_script_whose_file_is_refused(self):
        self.breaks("generator", "docs/many-sites.md", "id: 1, peer: $name", "id: 1, pear: $name", 'did you mean "peer"')

    def test_a_name_that_is_gone(self):
        self.breaks("names", "docs/gates.md", "`peer_has_flows`", "`peer_had_flows`", "there is no peer_had_flows")

    def test_a_drop_without_what_is_normal(self):
        text = TREE.read("docs/operations.md")
        row = re.search(r"^\| `bad_mac` \|.*$", text, re.MULTILINE).group()
        cells = row.split("|")
        self.breaks("drop_rates", "docs/operations.md", row, "|".join([*cells[:3], "  ", *cells[4:]]), "`bad_mac`: lacks a column")
        self.breaks("drop_rates", "docs/operations.md", row, "|".join([*cells[:3], " some ", *cells[4:]]), "`bad_mac`: what is normal")

    def test_a_symptom_without_a_command(self):
        self.breaks("symptoms", "docs/troubleshooting.md", "**Look:**", "Look:", "says nothing to look at")

    def test_a_symptom_without_answers(self):
        self.breaks("symptoms", "docs/troubleshooting.md", "| answer | meaning |", "| it | is |", "has no table of answers")

    def test_a_decision_that_is_a_story(self):
        old = "**A class is a tunnel.** "
        self.breaks("decisions", "docs/decisions.md", old, old + "First there was one. " * 4, "A class is a tunnel.: has 6 sentences")


if __name__ == "__main__":
    unittest.main()
