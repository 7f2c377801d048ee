"""Headless Chromium through its own driver, over plain HTTP: Debian's chromium and chromium-driver.

    with open_browser((1500, 1100)) as page:
        page.go("http://127.0.0.1:6006/#images")
        page.wait("images", lambda: page.count("img") > 3)
        page.shot("images.png")
"""

import base64
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

WAIT_SECONDS = 180

# Counts elements, and collects what can be read, also inside shadow roots, where TensorBoard keeps
# its own.
WALK = """
const counts = {}; let text = '';
const walk = (root) => { for (const e of root.querySelectorAll('*')) {
  const box = e.getBoundingClientRect();
  if (box.width > 0 && box.height > 0) {
    const name = e.tagName.toLowerCase(); counts[name] = (counts[name] || 0) + 1;
    for (const child of e.childNodes) if (child.nodeType === 3) text += child.data + '\\n';
  }
  if (e.shadowRoot) walk(e.shadowRoot);
} };
walk(document); return {counts, text};
"""


# Clicks on the first element whose own text has these words.
CLICK = """
const words = arguments[0]; let done = false;
const walk = (root) => { for (const e of root.querySelectorAll('*')) {
  if (!done && e.children.length === 0 && e.textContent.includes(words)) { e.click(); done = true; }
  if (e.shadowRoot) walk(e.shadowRoot);
} };
walk(document); return done;
"""


# The charts of CUSTOM SCALARS from top to bottom: their titles, the curves that each lists below itself
# with their marks, and where the last of them ends.
CHARTS = """
const charts = [];
const within = (root, name, see) => { for (const e of root.querySelectorAll('*')) {
  if (String(e.className).includes(name)) see(e);
  if (e.shadowRoot) within(e.shadowRoot, name, see);
} };
const walk = (root) => { for (const e of root.querySelectorAll('*')) {
  if (/^tf-custom-scalar-.*-chart-card$/.test(e.tagName.toLowerCase())) {
    const curves = [];
    within(e.shadowRoot, 'match-list-entry',
           (entry) => curves.push(entry.textContent.replace(/\\s+/g, ' ').trim()));
    const box = e.getBoundingClientRect();
    charts.push({title: e.title, curves, left: box.left, top: box.top, bottom: box.bottom});
  } else if (e.shadowRoot) walk(e.shadowRoot);
} };
walk(document);
charts.sort((a, b) => a.top - b.top || a.left - b.left);
return charts;
"""


class Page:
    def __init__(self, base):
        self.base = base

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)["value"]

    def go(self, address):
        # TensorBoard reads its fragment when it starts.
        self.call("POST", "/url", {"url": "about:blank"})
        self.call("POST", "/url", {"url": address})

    def script(self, source, *arguments):
        return self.call("POST", "/execute/sync", {"script": source, "args": arguments})

    def click(self, words):
        if not self.script(CLICK, words):
            raise RuntimeError(f"the browser shows no {words}")

    def walk(self):
        return self.script(WALK)

    def wait(self, what, ready):
        """Waits until `ready(counts, text)` holds and what is seen has stopped changing."""
        deadline, before, seen = time.monotonic() + WAIT_SECONDS, None, None
        while time.monotonic() < deadline:
            seen = self.walk()
            if ready(seen["counts"], seen["text"]) and seen == before:
                return seen
            before = seen
            time.sleep(1)
        some = re.sub(r"\s+", " ", seen["text"])[:300]
        raise RuntimeError(f"the browser does not show {what}; it shows: {some}")

    def charts(self):
        return self.script(CHARTS)

    def resize(self, width, height):
        self.call("POST", "/window/rect", {"width": width, "height": height})

    def shot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))


@contextlib.contextmanager
def open_browser(size):
    """A page of `size` (width, height) pixels."""
    driver = shutil.which("chromedriver")
    browser = shutil.which("chromium")
    if not driver or not browser:
        raise RuntimeError("no chromium and chromedriver: apt install chromium chromium-driver")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    flags = ["--headless=new", "--disable-gpu", "--hide-scrollbars",
             "--window-size={},{}".format(*size)]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    options = {"binary": browser, "args": flags}
    root = Page(f"http://127.0.0.1:{port}")
    try:
        for _ in range(100):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if root.call("GET", "/status")["ready"]:
                    break
            time.sleep(0.2)
        asked = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        session = root.call("POST", "/session", asked)["sessionId"]
        page = Page(f"{root.base}/session/{session}")
        try:
            yield page
        finally:
            page.call("DELETE", "")
    finally:
        process.terminate()
        process.wait()
