"""Looks at the page of `warp web` in headless Chromium, as people with a phone, at night or without a mouse do:
web_page_test.py WARP

WARP_PICTURES=DIRECTORY also writes what it sees there, and the two pictures of docs/web.md.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

import browser
from control_socket import Daemon, node, path

WARP = sys.argv[1]
PICTURES = os.environ.get("WARP_PICTURES")
TOKEN = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
PATIENCE = 60

# Of each text that is shown: how it stands out from what is behind it (WCAG 2.1, relative luminance).
CONTRASTS = """(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest("svg, .skip, :disabled")) continue;
    const style = getComputedStyle(element);
    const ground = behind(element);
    const color = parse(style.color).slice(0, 3).map((c, i) => c * style.opacity + ground[i] * (1 - style.opacity));
    const [one, other] = [light(color), light(ground)].sort((a, b) => b - a);
    if ((one + 0.05) / (other + 0.05) < 4.5) low.push(element.className + ": " + element.textContent.trim().slice(0, 40));
  }
  return low;
})()"""
# What has the focus: its name, and whether one sees that.
FOCUS = """(() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  return { name: at.getAttribute("aria-label") || at.textContent.trim() || at.id, tag: at.tagName,
           seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
})()"""


def bad_node():
    """Returns the status of a node whose satellite is down and whose LTE is near its cap."""
    status = node()
    port = status["ports"][0]
    status["ports"][1] |= {"cap": {"used": 45_500_000_000, "bytes": 50_000_000_000, "state": "near", "at_limit": "backup"}}
    status["ports"].append(port | {"name": "satellite", "device": "eth2", "kernel_interface": "eth2", "state": "down", "reason": "interface eth2 has no link", "tier": 2})
    paths = []
    for number, (name, rtt, share) in enumerate((("fibre", 11.2, 0.8), ("lte", 43.0, 0.2), ("satellite", None, 0.0))):
        for end in ("198.51.100.7:13116", "203.0.113.20:13116"):
            lost = {"state": "lost", "reason": "no link", "since_s": 307, "carries": False, "loss": 1.0} if rtt is None else {}
            paths.append(path(name, end, len(paths), rtt_ms=rtt, first_share=share / 2, **lost, skew_ms=number * 31.8 or None))
    status["peers"][0]["paths"] = paths
    status["tunnels"].append(status["tunnels"][0] | {
        "name": "video", "mode": "replicate", "gate": {"type": "loopback", "listen": "127.0.0.1:9000", "trouble": ""},
        "from_app_rate": 4_200_000, "to_app_rate": 200_000, "drops": {"deadline": 12}})  # fmt: skip
    status["drops"] = {"deadline": 12, "duplicate": 5000, "malformed": 2}
    return status


class Traffic:
    """Answers with the status while everything that is up goes on carrying."""

    def __init__(self, status):
        self.status = status
        self.asked = 0

    def __call__(self, _line):
        self.asked += 1
        self.status["node"]["uptime_s"] += 1
        swing = 1 + 0.3 * ((self.asked * 7) % 11 - 5) / 5
        carried = {}
        for one in self.status["peers"][0]["paths"]:
            if one["state"] == "active":
                more = int({"fibre": 2_900_000, "lte": 900_000}.get(one["port"], 0) * swing)
                one["tx_bytes"] += more
                one["rx_bytes"] += more // 3
                carried[one["port"]] = carried.get(one["port"], 0) + more
        for port in self.status["ports"]:
            port["tx_bytes"] += carried.get(port["name"], 0)
            port["rx_bytes"] += carried.get(port["name"], 0) // 3
        return self.status


@unittest.skipUnless(browser.PROGRAM, "needs chromium")
class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.here = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.here)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self.place = f"http://127.0.0.1:{self.port}"
        self.browser.problems.clear()
        self.browser.requested.clear()
        self.addCleanup(self.browser.go, "about:blank")

    def daemon(self, status=None):
        self.played = Daemon(f"{self.here}/d.sock", status or bad_node())
        self.played.policies["video"] = {"mode": "replicate", "paths": "fibre,lte"}
        # A change of a mode is read from here.
        status = self.played.answers["status"]
        self.played.answers = {"status": Traffic(status), "tunnel": self.tunnel}
        self.status = status
        self.addCleanup(self.played.close)
        return self.played

    def tunnel(self, line):
        words = line.split(" ")
        if words[1] == "set":
            self.played.policies[words[2]] |= dict(word.split("=", 1) for word in words[3:])
            for tunnel in self.status["tunnels"]:
                tunnel["mode"] = self.played.policies[tunnel["name"]]["mode"]
        return {"policies": [{"tunnel": name, "peer": "hq", "settings": terms} for name, terms in self.played.policies.items()]}

    def serve(self, changes=False):
        arguments = []
        if changes:
            token = f"{self.here}/token"
            with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(TOKEN)
            arguments = ["--token-file", token, "--allow-changes"]
        command = [WARP, "web", "--socket", f"{self.here}/d.sock", "--listen", f"127.0.0.1:{self.port}", *arguments]
        self.program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.ready = self.program.stderr.readline().strip()
        self.link = self.ready.split(" ready at ")[1]  # with the token, where it was made at the start

    def end(self):
        if self.program.poll() is None:
            self.program.terminate()
        self.program.wait(PATIENCE)
        self.program.stderr.close()

    def open(self, width=1200, height=900, scheme="light"):
        self.browser.look(width, height, scheme, mobile=width < 500)
        self.browser.go(self.link)

    def sign_in(self):
        self.browser.wait("!document.getElementById('signin').hidden && document.activeElement.id === 'token'")
        self.browser.write(TOKEN)
        self.browser.press("Enter")
        self.shown()

    def shown(self):
        self.browser.wait("document.querySelectorAll('#links > article').length > 1")

    def text(self, selector):
        return self.browser.ask(f"document.querySelector({selector!r}).innerText")

    def picture(self, name, height=None):
        if PICTURES:
            self.browser.picture(f"{PICTURES}/{name}", height)

    def test_first_the_answer_then_what_is_bad_then_the_rest(self):
        self.daemon()
        self.serve()
        self.open()
        self.shown()
        self.assertEqual(self.text("#answer-text"), "It works, but 2 things are bad.")
        whole = self.text("main")
        order = ["It works, but", "Link satellite is down", "interface eth2 has no link", "ip link show eth2", "Links", "Map of paths", "Tunnels"]
        places = [whole.find(words) for words in order]
        self.assertEqual(places, sorted(places), whole)
        self.assertNotIn(-1, places, whole)
        self.assertEqual(self.text("#drop-sum"), "14, and 5,000 copies of what had come before")
        # Rates come with the second sample, and a point a second from then on.
        self.browser.wait("/[1-9].* Mbit/.test(document.querySelector('#links .value').textContent)")
        self.browser.wait("document.querySelectorAll('#map .way.carries').length === 4")
        self.assertEqual(self.browser.ask("document.querySelectorAll('#map .way.lost').length"), 2)
        self.assertEqual(self.browser.ask("document.querySelectorAll('button[aria-label^=Exclude]:not([hidden])').length"), 0)  # to be read only
        self.assertEqual(self.browser.problems, [])
        self.assertEqual([url for url in self.browser.requested if not url.startswith((self.place + "/", "data:", "about:"))], [])

    def test_it_fits_each_width_and_is_legible_by_day_and_night(self):
        self.daemon()
        self.serve(changes=True)
        self.open()
        self.sign_in()
        if PICTURES:  # with half a minute in the plots
            self.browser.wait("(document.querySelector('#links .curve').getAttribute('d').match(/[ML]/g) || []).length > 50")
        for width, height in ((1200, 900), (390, 844), (320, 568)):
            for scheme in ("light", "dark"):
                with self.subTest(width=width, scheme=scheme):
                    self.browser.look(width, height, scheme, mobile=width < 500)
                    self.browser.wait(f"document.querySelector('#map').viewBox.baseVal.width < {width}")
                    self.assertLessEqual(self.browser.ask("document.documentElement.scrollWidth"), width)
                    cut = "[...document.querySelectorAll('.value, h3, .chip')].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth).length"
                    self.assertEqual(self.browser.ask(cut), 0)
                    self.assertEqual(self.browser.ask(CONTRASTS), [])
                    light = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0] > 128"
                    self.assertEqual(self.browser.ask(light), scheme == "light")
                    self.picture(f"web_{width}_{scheme}.png")
                    if (width, scheme) == (1200, "light"):
                        self.picture("web-desk.webp", 1160)
                    if (width, scheme) == (390, "dark"):
                        self.picture("web-phone.webp", 1000)
        self.assertEqual(self.browser.problems, [])

    def test_the_keyboard_alone(self):
        daemon = self.daemon()
        self.serve(changes=True)
        self.open()
        self.sign_in()
        self.browser.ask("document.activeElement.blur(), window.getSelection().removeAllRanges(), document.querySelector('.skip').focus()")
        names = []
        for _ in range(30):
            focus = self.browser.ask(FOCUS)
            if focus["tag"] == "BODY" or (names and focus["name"] == names[0]):
                break
            self.assertTrue(focus["name"], names)
            self.assertTrue(focus["seen"] or focus["name"] == "Skip to the answer", focus)
            names.append(focus["name"])
            self.browser.press("Tab")
        wanted = ["Skip to the answer", "Pause", "Colours: auto", "Sign out", "Exclude link fibre", "Exclude link lte", "Exclude link satellite"]
        self.assertEqual(names[:7], wanted)
        self.assertIn("Mode of tunnel office", names)

        # A link is left out only after a second yes, and the focus is where it was.
        self.browser.ask("document.querySelector('button[aria-label=\"Exclude link lte\"]').focus()")
        self.browser.press("Enter")
        self.browser.wait("document.getElementById('sure').open")
        self.assertEqual(self.text("#sure-what"), "Exclude link lte?")
        self.picture("web_dialog.png")
        self.browser.press("Escape")
        self.browser.wait("!document.getElementById('sure').open")
        self.assertEqual([line for line in daemon.requests if line.startswith("tunnel set")], [])
        self.assertEqual(self.browser.ask(FOCUS)["name"], "Exclude link lte")
        self.browser.press("Enter")
        self.browser.wait("document.getElementById('sure').open")
        self.browser.ask("document.getElementById('sure-yes').focus()")
        self.browser.press("Enter")
        self.browser.wait("document.activeElement.getAttribute('aria-label') === 'Include link lte'")
        self.assertIn("tunnel set office paths=fibre,satellite", daemon.requests)
        self.assertIn("tunnel set video paths=fibre", daemon.requests)

        self.browser.ask("document.querySelector('#tunnels select').focus()")
        self.browser.press("ArrowDown")  # stripe to adaptive
        self.browser.wait("!document.querySelector('#tunnels .mode button').hidden")
        self.browser.press("Tab")
        self.browser.press("Enter")
        self.browser.wait("document.querySelector('#tunnels .mode button').hidden")
        self.assertIn("tunnel set office mode=adaptive", daemon.requests)
        self.assertEqual(self.browser.problems, [])

    def test_a_dialog_that_is_open_again_has_its_own_answer(self):
        daemon = self.daemon()
        self.serve(changes=True)
        self.open()
        self.sign_in()
        # That the first one closed is told to the page when the second one is open.
        self.browser.ask("""(() => {
            const button = document.querySelector('button[aria-label="Exclude link lte"]');
            button.focus();
            button.click();
            document.getElementById('sure').close('no');
            button.click();
        })()""")
        self.browser.wait("document.getElementById('sure').open")
        self.browser.ask("document.getElementById('sure-yes').click()")
        self.browser.wait("document.activeElement.getAttribute('aria-label') === 'Include link lte'")
        self.assertEqual(len([line for line in daemon.requests if line.startswith("tunnel set")]), 2)
        self.assertEqual(self.browser.problems, [])

    def test_what_the_daemon_refuses_is_said(self):
        daemon = self.daemon()
        self.serve(changes=True)
        self.open()
        self.sign_in()
        daemon.policies["office"]["paths"] = "fibre"
        self.browser.wait("[...document.querySelectorAll('#tunnels td')].some((cell) => cell.textContent === 'fibre')")
        self.browser.ask("document.querySelector('button[aria-label=\"Exclude link fibre\"]').click()")
        self.browser.wait("document.getElementById('sure').open")
        self.browser.ask("document.getElementById('sure-yes').click()")
        self.browser.wait("document.getElementById('problem').textContent.includes('only link that it may use')")

    def test_every_plot_has_words(self):
        self.daemon()
        self.serve()
        self.open()
        self.shown()
        self.browser.wait("document.getElementById('map').getAttribute('aria-label').includes('4 of 6 paths are active')")
        unnamed = "[...document.querySelectorAll('svg[role=img]')].filter((svg) => !svg.getAttribute('aria-label')).length"
        self.assertEqual(self.browser.ask(unnamed), 0)
        self.assertEqual(self.browser.ask("document.querySelectorAll('h1').length - document.querySelectorAll('#signin h1').length"), 1)
        self.assertEqual(self.browser.ask("document.querySelectorAll('td:not([data-label]):not(:has(.chip)):not(.number)').length"), 0)

    def test_a_daemon_that_is_away_is_said_and_comes_back(self):
        daemon = self.daemon()
        self.serve()
        self.open()
        self.shown()
        traffic = daemon.answers["status"]
        daemon.answers["status"] = b"nonsense"
        self.browser.wait("document.getElementById('answer-text').textContent === 'The daemon does not answer.'")
        self.assertTrue(self.browser.ask("document.body.classList.contains('stale')"))
        self.assertEqual(self.browser.ask("document.querySelectorAll('#links > article').length"), 3)  # the last that is known
        daemon.answers["status"] = traffic
        self.browser.wait("!document.body.classList.contains('stale')")

    def test_a_server_that_is_away_is_said_and_comes_back(self):
        self.daemon()
        self.serve(changes=True)  # with a token that stays
        self.open()
        self.sign_in()
        self.end()
        self.browser.wait("document.getElementById('live').textContent === 'no connection'")
        self.serve(changes=True)
        self.browser.wait("document.getElementById('live').textContent === 'live'")
        problems = [text for text in self.browser.problems if "ERR_" not in text]
        self.assertEqual(problems, [])

    def test_paused_it_stays(self):
        self.daemon()
        self.serve()
        self.open()
        self.shown()
        self.browser.ask("document.getElementById('pause').click()")
        self.status["ports"][0]["state"] = "missing"
        asked = self.played.answers["status"].asked
        before = self.text("#answer-text")
        while self.played.answers["status"].asked < asked + 3:
            self.browser.ask("new Promise((resolve) => setTimeout(resolve, 200))")
        self.assertEqual(self.text("#answer-text"), before)
        self.browser.ask("document.getElementById('pause').click()")
        self.browser.wait("document.getElementById('answer-text').textContent.includes('3 things')")

    def test_names_are_text(self):
        status = bad_node()
        evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
        status["ports"][0]["name"] = evil
        status["peers"][0]["name"] = evil
        status["peers"][0]["paths"][0] |= {"port": evil, "endpoint": evil, "reason": evil, "state": "lost"}
        status["tunnels"][0]["trouble"] = evil
        status["drops"] = {evil: 3}
        self.daemon(status)
        self.serve()
        self.open()
        self.shown()
        self.browser.wait(f"document.querySelector('#links h3').textContent.startsWith('<img')")
        self.assertEqual(self.browser.ask("document.querySelectorAll('main img, main script').length"), 0)
        self.assertNotIn("owned", self.browser.ask("document.title"))
        self.assertEqual(self.browser.problems, [])

    def test_locked(self):
        self.daemon()
        self.serve(changes=True)
        self.open()
        self.browser.wait("!document.getElementById('signin').hidden")
        self.browser.write("wrong")
        self.browser.press("Enter")
        self.browser.wait("document.getElementById('signin-error').textContent === 'this is not the token'")
        self.assertEqual(self.browser.ask("document.querySelectorAll('#links > article').length"), 0)
        self.picture("web_locked.png")
        self.browser.ask("document.getElementById('token').value = ''")
        self.sign_in()
        self.browser.go(self.place)  # the tab keeps the token, and nothing else of the machine has it
        self.shown()
        self.assertEqual(self.browser.ask("document.cookie + localStorage.getItem('token')"), "null")
        self.browser.ask("document.getElementById('signout').click()")
        self.browser.wait("!document.getElementById('signin').hidden")

    def test_the_link_that_it_says_opens_it(self):
        self.daemon()
        self.serve()
        self.assertIn("/#", self.link)
        self.open()
        self.shown()
        self.assertEqual(self.browser.ask("location.href"), self.place + "/")  # not for who looks over a shoulder
        self.browser.go("about:blank")
        self.browser.go(self.place)
        self.shown()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
