"""Headless Chromium for tests of a page, over the pipes of its DevTools protocol (no port is opened, nothing is downloaded)."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

PROGRAM = shutil.which("chromium")
PATIENCE = 120  # seconds, for what must not hang
FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--force-device-scale-factor=1",
)  # fmt: skip
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowUp": 38, "ArrowDown": 40}


class Browser:
    """One page. `problems` has what its console said of errors, violations of its policy included."""

    def __init__(self):
        self.home = tempfile.mkdtemp()
        theirs_in, self.to = os.pipe()
        self.come, theirs_out = os.pipe()
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        command = ["sh", "-c", shell, "sh", PROGRAM, *FLAGS, f"--user-data-dir={self.home}", "about:blank"]
        self.program = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(theirs_in)
        os.close(theirs_out)
        self.number = 0
        self.session = None
        self.text = b""
        self.problems = []
        self.requested = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        # No window manager gives the page the focus, and keys go where the focus is.
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def close(self):
        os.close(self.to)
        os.close(self.come)
        self.program.kill()
        self.program.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def receive(self):
        while b"\0" not in self.text:
            got = os.read(self.come, 1 << 20)
            if not got:
                raise AssertionError("the browser ended")
            self.text += got
        message, _, self.text = self.text.partition(b"\0")
        message = json.loads(message)
        if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.problems.append(message["params"]["entry"]["text"])
        if message.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(message["params"]["exceptionDetails"]))
        if message.get("method") == "Network.requestWillBeSent":
            self.requested.append(message["params"]["request"]["url"])
        return message

    def call(self, method, **parameters):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": self.session} if self.session else {})
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    def go(self, url):
        self.call("Page.navigate", url=url)

    def ask(self, expression):
        """Returns what the expression is in the page, or None where it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    def wait(self, expression):
        """Waits until the expression is true in the page, and returns it."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := self.ask(expression):
                return value
            time.sleep(0.1)
        raise AssertionError(f"not so: {expression}; the page says: {self.ask('document.body.innerText')}; {self.problems}")

    def press(self, key, shift=False):
        code = KEYS[key]
        text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        event = {"key": key, "code": key if key != " " else "Space", "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **event, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def write(self, text):
        self.call("Input.insertText", text=text)

    def look(self, width, height, scheme="light", mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def picture(self, path, height=None):
        """Writes the page, or as much of it as `height` says, as PNG, or as WebP at 0.7 of its size if `path` ends so."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        small = path.endswith(".webp")
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 0.7 if small else 1}
        how = {"format": "webp", "quality": 70} if small else {"format": "png"}
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip, **how)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
