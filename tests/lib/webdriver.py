# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium by its WebDriver (W3C), with the standard library alone."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ARGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
        "--disable-extensions", "--disable-default-apps", "--no-proxy-server", "--hide-scrollbars",
        "--force-device-scale-factor=1", "--ignore-certificate-errors"]
WAIT_S = 60


class Browser:
    """One window. Everything it writes is below a folder that goes with it."""

    def __init__(self, width=1200, height=900):
        self.home = tempfile.mkdtemp(prefix="bw-browser-")
        self.driver = self.session = None
        env = dict(os.environ, HOME=self.home, XDG_CONFIG_HOME=self.home, XDG_CACHE_HOME=self.home,
                   TMPDIR=self.home)
        for name in list(env):
            if name.lower().endswith("_proxy"):
                del env[name]
        try:
            self.log = open(os.path.join(self.home, "driver.log"), "w+")
            self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=self.log, stderr=self.log, env=env)
            self.base = "http://127.0.0.1:%d" % self._port()
            caps = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                    "acceptInsecureCerts": True,
                    "goog:chromeOptions": {"args": ARGS + ["--window-size=%d,%d" % (width, height),
                                                           "--user-data-dir=%s/profile" % self.home]}}
            answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": caps}})
            self.session = "/session/" + answer["sessionId"]
        except BaseException:
            self.close()
            raise

    def _port(self):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            with open(self.log.name) as f:
                for line in f:
                    if "started successfully on port" in line:
                        return int(line.split("port")[-1].strip(" .\n"))
            if self.driver.poll() is not None:
                break
            time.sleep(0.05)  # a poll of a file that another process writes
        raise RuntimeError("chromedriver does not start: " + open(self.log.name).read())

    def _call(self, method, path, body=None):
        data = json.dumps(body or {}).encode() if method == "POST" else None
        req = urllib.request.Request(self.base + path, data=data, method=method,
                                     headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(req, timeout=120) as r:
                return json.load(r)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError("%s %s: %s" % (method, path, e.read().decode()[:2000])) from None

    def cdp(self, cmd, **params):
        return self._call("POST", self.session + "/goog/cdp/execute", {"cmd": cmd, "params": params})

    def go(self, url):
        self._call("POST", self.session + "/url", {"url": url})

    def js(self, script, *args):
        return self._call("POST", self.session + "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script, *args, timeout=WAIT_S):
        """Until the script's value is true; that value."""
        end = time.monotonic() + timeout
        while True:
            value = self.js(script, *args)
            if value or time.monotonic() > end:
                return value
            time.sleep(0.1)  # an event of another process: looked for, with a deadline

    def source(self):
        return self._call("GET", self.session + "/source")

    def logs(self, kind):
        return self._call("POST", self.session + "/se/log", {"type": kind})

    def size(self, width, height, mobile=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def scheme(self, name):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def scripts(self, on):
        self.cdp("Emulation.setScriptExecutionDisabled", value=not on)

    def picture(self, path):
        """The whole page, as long as it is."""
        shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))

    def close(self):
        try:
            if self.session:
                self._call("DELETE", self.session)
        except (OSError, RuntimeError):
            pass  # it is ended below
        if self.driver and self.driver.poll() is None:
            self.driver.terminate()
            try:
                self.driver.wait(20)
            except subprocess.TimeoutExpired:
                self.driver.kill()
                self.driver.wait()
        shutil.rmtree(self.home, ignore_errors=True)
