# SPDX-License-Identifier: MIT
"""A headless Chromium, driven by ChromeDriver in the words of WebDriver: nothing but Python's own library."""
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

QUIET = ["--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-dev-shm-usage",
         "--disable-extensions", "--hide-scrollbars", "--force-color-profile=srgb"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "ArrowLeft": "\ue012", "ArrowUp": "\ue013",
        "ArrowRight": "\ue014", "ArrowDown": "\ue015", "Home": "\ue011", "End": "\ue010"}
# No proxy stands between us and our own driver, whatever the environment says.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def missing():
    """Why there can be no browser here, or None."""
    for name in ("chromium", "chromedriver"):
        if not shutil.which(name):
            return f"{name} is not installed (./bootstrap --tests installs it)"
    return None


def unless(reason):
    """For a class of tests: skipped where there is no browser."""
    return unittest.skipIf(reason, reason or "")


class Browser:
    def __init__(self, env, width=1400, height=1000):
        self.profile = tempfile.mkdtemp(prefix="ciplug-browser-")
        self.log = tempfile.TemporaryFile()
        # pylint: disable=consider-using-with
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], env=dict(env, HOME=self.profile), stdin=subprocess.DEVNULL,
                                       stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)
        self.session = None
        try:
            self.port = self.await_port()
            self.session = self.begin(width, height)
        except Exception:
            self.close()
            raise

    def await_port(self):
        deadline = time.monotonic() + 60
        while True:
            said = os.pread(self.log.fileno(), 65536, 0).decode("utf-8", "replace")
            found = re.search(r"started successfully on port (\d+)", said)
            if found:
                return int(found[1])
            if self.driver.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"chromedriver did not start:\n{said}")
            time.sleep(0.02)

    def begin(self, width, height):
        flags = QUIET + [f"--user-data-dir={self.profile}/data", f"--window-size={width},{height}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        wanted = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                  "goog:chromeOptions": {"args": flags, "binary": shutil.which("chromium")}}
        return self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def call(self, method, path, body=None):
        """A command of WebDriver; its value."""
        where = path if path == "/session" and method == "POST" else f"/session/{self.session}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{where}", data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with OPENER.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].split("\n")[0]) from None

    def close(self):
        if self.session:
            try:
                self.call("DELETE", "")
            except (RuntimeError, OSError):
                pass
        self.driver.terminate()
        self.driver.wait()
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    # What a person does

    def leave(self):
        """Whatever is shown, and what it has said and asked for."""
        self.call("POST", "/url", {"url": "about:blank"})
        self.complaints()
        self.requests()

    def open(self, path, fragment=""):
        self.leave()
        self.call("POST", "/url", {"url": path.as_uri() + fragment})

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def find(self, css):
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css):
        self.call("POST", f"/element/{self.find(css)}/click", {})

    def type(self, css, text):
        self.call("POST", f"/element/{self.find(css)}/value", {"text": text})

    def choose(self, css, value):
        self.click(f"{css} option[value='{value}']")

    def press(self, *names):
        """Keys, to whatever has the focus."""
        actions = []
        for name in names:
            value = KEYS.get(name, name)
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def click_at(self, x, y):
        """In the window."""
        actions = [{"type": "pointerMove", "x": int(x), "y": int(y), "duration": 0}, {"type": "pointerDown", "button": 0},
                   {"type": "pointerUp", "button": 0}]
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]})

    # What a person sees

    def text(self, css):
        return self.call("GET", f"/element/{self.find(css)}/text")

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def devtools(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def dark(self, yes=True):
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if yes else "light"}])

    def scripts(self, yes):
        self.devtools("Emulation.setScriptExecutionDisabled", value=not yes)

    def resize(self, width, height):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def complaints(self):
        """What stands in the console since the last time."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """Addresses that were asked for since the last time."""
        asked = []
        for entry in self.call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        return asked
