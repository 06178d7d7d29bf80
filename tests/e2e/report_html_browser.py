#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of the html reporter in a browser: opened, filtered, a bar clicked, used by keyboard, with ten thousand
commands; no complaint in the console, no request. Screenshots are kept where CIPLUG_TEST_ARTIFACTS says, else in a temporary
folder whose name is printed."""
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import browser  # noqa: E402
import htmlpage  # noqa: E402
from cases import TOOL  # noqa: E402
from harness import Case, main  # noqa: E402

MISSING = browser.missing()
# An idle machine needs a tenth of these.
OPENED, ANSWERED = 20.0, 5.0
RUN = """
    [ciplug]
    name = shop
    plugins = html
    workers = 4
    [step build]
    command = echo compiled
    [step unit]
    items = cart login search stock mail tax
    retries = 1
    retry_delay = 10ms
    command =
        echo "<script>document.title = 'owned'</script> $CI_ITEM"
        case $CI_ITEM$CI_ATTEMPT in
        login*) echo "no such user" >&2; exit 3 ;;
        stock1) echo "a first time" >&2; exit 1 ;;
        esac
    [step late]
    needs = build
    timeout = 200ms
    grace = 1s
    command = echo before; exec sleep 60
    [step deploy]
    needs = unit
    command = true
"""
CENTER = """
    const attempt = attempts.find((one) => one.name === arguments[0] && one.attempt === arguments[1]);
    const box = byId("canvas").getBoundingClientRect();
    return [box.x + (xOf(attempt.start) + xOf(attempt.start + attempt.us)) / 2, box.y + chart.lanes[attempt.lane].y + chart.lane / 2];
"""


@browser.unless(MISSING)
class Window(Case):
    browser = None
    pictures = None
    name = ""

    @classmethod
    def setUpClass(cls):
        cls.pictures = pathlib.Path(os.environ.get("CIPLUG_TEST_ARTIFACTS") or tempfile.mkdtemp(prefix="ciplug-screenshots-"))
        cls.pictures.mkdir(parents=True, exist_ok=True)
        cls.browser = browser.Browser(dict(os.environ))
        cls.browser.leave()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        print(f"screenshots: {cls.pictures}")

    def open(self, name, fragment=""):
        self.name = name
        self.browser.open(self.dir / name, fragment)
        self.assertEqual(self.browser.run("return document.readyState"), "complete")

    def picture(self, name):
        self.browser.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.browser.screenshot(self.pictures / f"{name}.png")

    def quiet(self):
        """Nothing was complained about, nothing was asked for but the page. (An empty window loads parts of the browser.)"""
        self.assertEqual(self.browser.complaints(), [])
        asked = {url.split("#")[0] for url in self.browser.requests()} - {"about:blank"}
        self.assertEqual(asked, {(self.dir / self.name).as_uri()})

    def shop(self):
        self.assertEqual(self.ci(RUN, "-q", "--keep-going").status, 1)
        self.browser.dark(False)
        self.browser.resize(1400, 1000)
        self.open("report.html")

    def found(self):
        return self.browser.text("#found")

    def rows(self):
        return self.browser.run("return [...document.querySelectorAll('#rows tbody tr')].map((row) => row.cells[1].innerText)")


class Small(Window):
    def test_opened(self):
        self.shop()
        self.assertEqual(self.browser.run("return document.title.slice(0, 11)"), "Failed: run")
        self.assertEqual(self.found(), "11 attempts")
        self.assertEqual(len(self.rows()), 11)
        self.assertTrue(self.browser.run("return byId('canvas').getContext('2d').getImageData(0, 0, 1400, 200).data.some(Boolean)"))
        self.picture("small-light")
        self.browser.dark()
        self.picture("small-dark")
        self.browser.resize(420, 900)
        self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), 420, "wider than the window")
        self.picture("small-narrow")
        self.quiet()

    def test_filtered(self):
        self.shop()
        self.browser.type("#query", "such user")
        self.assertEqual(self.found(), "2 of 11 attempts", "what stands in logs is found")
        self.assertEqual(self.rows(), ["unit 2 login tried again", "unit 2 login"])
        self.browser.click("#filter button")
        self.browser.choose("#outcome", "timeout")
        self.assertEqual(self.rows(), ["late"])
        self.browser.choose("#outcome", "flaky")
        self.assertEqual(self.rows(), ["unit 4 stock flaky"])
        self.browser.choose("#outcome", "")
        self.browser.choose("#step", "deploy")
        self.assertEqual(self.rows(), ["deploy"])
        self.assertTrue(self.browser.run("return location.hash").endswith("step=deploy"))
        self.browser.click("#n-failed a")
        self.browser.click("#filter button")
        self.browser.click("#n-failed a")
        self.assertEqual(self.rows(), ["unit 2 login"])
        self.quiet()

    def jump(self, fragment):
        self.browser.run("location.hash = arguments[0]; return new Promise((done) => addEventListener('hashchange', () => done(true)))",
                         fragment)

    def test_the_address_brings_the_filter_back(self):
        self.shop()
        self.open("report.html", "#query=login&outcome=bad&step=nosuch")
        self.assertEqual(self.rows(), ["unit 2 login"])
        self.assertEqual(self.browser.run("return byId('query').value"), "login")
        self.jump("flaky")
        self.assertEqual(self.rows(), ["unit 2 login"], "a jump within the page is no filter")
        self.jump("outcome=constructor")
        self.assertEqual(self.found(), "11 attempts", "nor is what is no choice")
        self.jump("outcome=flaky")
        self.assertEqual(self.rows(), ["unit 4 stock flaky"])

    def test_a_bar_is_clicked(self):
        self.shop()
        self.browser.run("byId('canvas').scrollIntoView({block: 'center'})")
        self.browser.click_at(*self.browser.run(CENTER, "login", 2))
        self.assertEqual(self.browser.text("#detail h2"), "unit 2")
        logs = self.browser.run("return [...document.querySelectorAll('#detail pre')].map((log) => log.textContent)")
        self.assertEqual(logs, ["no such user\n", "<script>document.title = 'owned'</script> login\n"] * 2)
        self.assertNotIn("owned", self.browser.run("return document.title"))
        self.picture("small-panel")
        href = self.browser.run("return [...document.querySelectorAll('#detail a')].map((link) => link.href)[1]")
        self.assertEqual(pathlib.Path(href.removeprefix("file://")).read_text(), "no such user\n")
        self.browser.press("Escape")
        self.assertTrue(self.browser.run("return byId('detail').hidden"))
        self.browser.click_at(*self.browser.run(CENTER, "mail", 1))
        self.assertEqual(self.browser.text("#detail h2"), "unit 5")
        self.quiet()

    def test_by_keyboard(self):
        self.shop()
        self.browser.press("/")
        self.assertEqual(self.browser.run("return document.activeElement.id"), "query")
        for _ in range(40):
            self.browser.press("Tab")
            if self.browser.run("return document.activeElement.id") == "canvas":
                break
        else:
            self.fail("the timeline cannot be reached")
        self.browser.press("Home")
        first = self.browser.text("#said")
        self.browser.press("ArrowRight")
        self.assertNotEqual(self.browser.text("#said"), first)
        self.browser.press("ArrowLeft")
        self.assertEqual(self.browser.text("#said"), first)
        self.browser.press("n")
        self.assertIn("login, failed: exit code 3", self.browser.text("#said"))
        self.browser.press("+", "ArrowDown", "ArrowUp", "0", "Enter")
        self.assertEqual(self.browser.run("return document.activeElement.id"), "detail-name")
        self.browser.press("Escape")
        self.assertEqual(self.browser.run("return document.activeElement.id"), "canvas", "the focus comes back")
        self.assertNotEqual(self.browser.run("return getComputedStyle(byId('canvas')).outlineStyle"), "none", "the focus is seen")
        self.quiet()

    def test_all_that_can_be_pressed_has_a_name(self):
        self.shop()
        nodes = self.browser.devtools("Accessibility.getFullAXTree")["nodes"]
        bare = [node["role"]["value"] for node in nodes if not node.get("ignored") and not node.get("name", {}).get("value") and
                node["role"]["value"] in ("button", "link", "textbox", "searchbox", "combobox", "application", "heading", "table")]
        self.assertEqual(bare, [])

    def test_cases_of_junit_files(self):
        self.write("tool", TOOL)
        ended = self.ci("[ciplug]\nplugins = html\n[step unit]\nitems = a bad skip b\nbatch = 9\n"
                        "command = sh tool r.xml {items}\nresults = r.xml\n", "-q")
        self.assertEqual(ended.status, 1, ended.all)
        self.open("report.html")
        self.assertEqual(self.browser.run("return chart.lanes.map((lane) => lane.bars.length)"), [1], "items of a batch are no bars of their own")
        self.browser.type("#query", "1 is not 2")
        self.assertEqual(self.rows(), ["unit 3 bad 2 cases"], "what a case says is found")
        self.browser.click("#rows a")
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('#detail .tests li')].map((one) => one.innerText)"),
                         ["failed second bad bad.t:7 500 ms 1 is not 2", "passed first bad bad.t:7 250 ms"])
        self.picture("cases-panel")
        self.browser.press("Escape")
        self.browser.click("#filter button")
        self.quiet()

    def test_shards(self):
        for host in "ab":
            htmlpage.big_journal(self.dir / ".ciplug", f"shard00{host}", 40, 3, (host,))
        self.assertEqual(self.verb("report", "shard00a", "shard00b", "--to", "html=both.html").status, 0)
        self.browser.dark(False)
        self.browser.resize(1400, 1000)
        self.open("both.html")
        self.assertEqual(self.browser.run("return chart.headings.map((heading) => heading.text)"), ["run shard00a, a", "run shard00b, b"])
        self.browser.choose("#host", "b")
        self.assertEqual(self.browser.run("return [...new Set(matching.map((at) => data.runs[attempts[at].run].id))]"), ["shard00b"])
        self.picture("shards")
        self.quiet()

    def test_without_script(self):
        self.assertEqual(self.ci(RUN, "-q", "--keep-going").status, 1)
        self.browser.scripts(False)
        try:
            self.browser.open(self.dir / "report.html")
            self.browser.screenshot(self.pictures / "small-without-script.png")
            self.assertEqual(self.browser.text("#n-planned"), "9")
            self.assertIn("no such user", self.browser.text(".case pre"))
            self.assertIn("late", self.browser.text("table#all"))
        finally:
            self.browser.scripts(True)


class Large(Window):
    def test_ten_thousand(self):
        htmlpage.big_journal(self.dir / ".ciplug", "bigbigbi", 10000, 16, ("alpha", "beta"))
        self.assertEqual(self.verb("report", "bigbigbi", "--to", "html=big.html").status, 0)
        self.browser.dark(False)
        self.browser.resize(1400, 1000)
        began = time.monotonic()
        self.open("big.html")
        self.assertLess(time.monotonic() - began, OPENED)
        self.assertEqual(len(self.rows()), 50)
        self.picture("large-light")
        took = {"open": time.monotonic() - began}
        for name, script in {
                "search": "setFilter({query: 'case_0012'}); paint()", "search again": "setFilter({query: 'case_00'}); paint()",
                "outcome": "setFilter({query: '', outcome: 'bad'}); paint()", "all": "setFilter({outcome: ''}); paint()",
                "order": "orderBy('took')", "zoom": "zoom(8); paint()", "panel": "showDetail(5000); paint()"}.items():
            took[name] = self.browser.run(f"const began = performance.now(); {script}; return performance.now() - began") / 1000
        print("seconds:", {name: round(seconds, 3) for name, seconds in took.items()})
        for name, seconds in took.items():
            self.assertLess(seconds, OPENED if name == "open" else ANSWERED, name)
        self.browser.press("Escape")
        self.browser.run("byId('timeline').scrollIntoView()")
        self.picture("large-zoomed")
        self.browser.run("show(0, chart.end); setFilter({host: 'beta'})")
        self.browser.dark()
        self.browser.run("byId('timeline').scrollIntoView()")
        self.picture("large-dark")
        self.quiet()


if __name__ == "__main__":
    main()
