"""What scripts/report-shots does: opens a report in a browser, checks that its curves answer, and
saves pictures of it.

    report_page.py PAGE OUT
"""

import pathlib
import sys

from browser import open_browser

DESKTOP, PHONE = (1280, 900), (390, 844)

# Where the first plot's axes are in the window, once they are in its middle.
PLOT = """
const plot = document.querySelector('.plot'); plot.scrollIntoView({block: 'center'});
const box = plot.querySelector('.axes').getBoundingClientRect();
return [box.x, box.y, box.width, box.height];
"""
TIP = "const tip = document.querySelector('.plot .tip'); return tip.hidden ? '' : tip.innerText;"
VIEW = "return document.querySelector('.plot .curves').getAttribute('viewBox');"
WHOLE = "0 0 1000 1000"


class Report:
    """A report in a window."""

    def __init__(self, page, path, size, scheme):
        self.page = page
        self.devtools("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                      deviceScaleFactor=1, mobile=size == PHONE)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.go(path.as_uri())
        wide = page.script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{size}: {wide} pixels too wide"
        self.plot = page.script(PLOT)

    def devtools(self, command, **parameters):
        return self.page.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def at(self, x, y):
        left, top, width, height = self.plot
        return {"x": left + x * width, "y": top + y * height}

    def mouse(self, kind, x, y, held=False, clicks=0):
        button = "left" if held or clicks else "none"
        self.devtools("Input.dispatchMouseEvent", type=f"mouse{kind}", **self.at(x, y),
                      button=button, buttons=int(held), clickCount=clicks)

    def touch(self, kind, *places):
        points = [self.at(*place) for place in places]
        self.devtools("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=points)

    def key(self, key):
        text = key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            self.devtools("Input.dispatchKeyEvent", type=kind, key=key, text=text)

    def tip(self):
        return self.page.script(TIP)

    def view(self):
        return self.page.script(VIEW)


def check_mouse(report):
    report.mouse("Moved", 0.5, 0.5)
    tip = report.tip()
    assert tip.startswith("step ") and "lr 0.1: " in tip and "seed 0: " in tip, tip
    report.mouse("Pressed", 0.2, 0.5, held=True, clicks=1)
    report.mouse("Moved", 0.4, 0.5, held=True)
    report.mouse("Released", 0.6, 0.5, clicks=1)
    left, _, width, _ = (float(word) for word in report.view().split())
    assert abs(left - 200) < 5 and abs(width - 400) < 5, report.view()
    for clicks in (1, 2):
        report.mouse("Pressed", 0.5, 0.5, held=True, clicks=clicks)
        report.mouse("Released", 0.5, 0.5, clicks=clicks)
    assert report.view() == WHOLE, report.view()


def check_keyboard(report):
    report.mouse("Moved", -0.5, -0.5)
    report.page.script("document.querySelector('.plot').focus()")
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        report.key(key)
        seen.append(report.tip())
    assert len(set(seen)) == 3 and all(tip.startswith("step ") for tip in seen), seen
    report.key("+")
    assert report.view() != WHOLE
    report.key("0")
    assert report.view() == WHOLE


def check_touch(report):
    report.touch("Start", (0.5, 0.5))
    report.touch("End")
    assert report.tip().startswith("step "), report.tip()
    report.touch("Start", (0.2, 0.5))
    for part in range(1, 11):
        report.touch("Move", (0.2 + 0.04 * part, 0.5))
    report.touch("End")
    assert report.view() != WHOLE
    report.page.script("document.querySelector('.reset').click()")
    assert report.view() == WHOLE


def main():
    path, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    for size, scheme, name in [(DESKTOP, "light", "report"), (DESKTOP, "dark", None),
                               (PHONE, "light", None), (PHONE, "dark", "report_phone")]:
        with open_browser(size) as page:
            report = Report(page, path, size, scheme)
            if size == DESKTOP:
                check_mouse(report)
                check_keyboard(report)
            else:
                check_touch(report)
            said = [entry["message"] for entry in page.call("POST", "/se/log", {"type": "browser"})]
            assert not said, said
            page.script("document.activeElement.blur(); scrollTo(0, 0);")
            report.plot = page.script(PLOT)
            if size == DESKTOP:
                report.mouse("Moved", 0.5, 0.4)
            else:
                report.touch("Start", (0.5, 0.5))
                report.touch("End")
            if name:
                page.shot(out / f"{name}.png")
        print(f"{size[0]} pixels, {scheme}: fine")


if __name__ == "__main__":
    main()
