"""The page of an explanation in a real browser: it fits, can be read, works by keyboard and needs no script."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from explained import NETWORKS

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
Keys = webdriver.Keys
By = pytest.importorskip("selenium.webdriver.common.by").By
Service = pytest.importorskip("selenium.webdriver.chrome.service").Service

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="Chromium or chromedriver is not installed")

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
)
HEIGHT = 900

FAINT = r"""
const colours = new Map();
function parsed(text) {
    if (!colours.has(text)) {
        const numbers = text.match(/-?[\d.]+(e-?\d+)?/g).map(Number), srgb = text.startsWith("color(srgb");
        if (!srgb && !text.startsWith("rgb")) throw new Error("unknown colour " + text);
        const rgb = numbers.slice(0, 3).map(v => srgb ? v : v / 255);
        colours.set(text, [...rgb, numbers.length > 3 ? numbers[3] : 1]);
    }
    return colours.get(text);
}
const over = (top, under) => [0, 1, 2].map(k => top[k] * top[3] + under[k] * (1 - top[3]));
const grounds = new Map();
function ground(element) {
    if (element === null) return [1, 1, 1];
    if (!grounds.has(element)) {
        const top = parsed(getComputedStyle(element).backgroundColor);
        grounds.set(element, top[3] === 1 ? top : over(top, ground(element.parentElement)));
    }
    return grounds.get(element);
}
function light(colour) {
    const [r, g, b] = colour.slice(0, 3).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
let seen = 0, lowest = 99, faint = [];
for (const root of document.querySelectorAll(arguments[0])) {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement, text = texts.currentNode.data.trim();
        if (!text || element.closest("style,title") || !element.checkVisibility()) continue;
        const below = ground(element), colour = parsed(getComputedStyle(element).color);
        const [a, b] = [light(over(colour, below)), light(below)];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        seen += 1;
        lowest = Math.min(lowest, contrast);
        const where = `${element.tagName} ${element.className}`;
        if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${text.slice(0, 40)} <${where}>`);
    }
}
return [seen, lowest, faint.slice(0, 9)];
"""
"""Reads the contrast of every text that is seen in the elements of a selector; what is too faint is named."""

GROUNDS = """
const of = {};
for (const element of document.querySelectorAll(arguments[0]))
    for (const name of element.classList)
        if (/^t\\d+$/.test(name)) (of[name] ??= []).push(getComputedStyle(element).backgroundColor);
return of;
"""
"""Reads the backgrounds of all places of each term."""


GRADIENT = ".sym[tabindex], mrow[tabindex]"


def term_of(element: Any) -> str:
    """Return the class of all places of the term that an element shows."""
    return next(name for name in element.get_attribute("class").split() if name[0] == "t" and name[1:].isdigit())


def number_of(text: str) -> float:
    return float(text.replace("−", "-"))


class Page(NamedTuple):
    """A page that is open in the browser."""

    browser: Any

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self.browser).send_keys(*keys).perform()

    def focused(self) -> Any:
        return self.browser.switch_to.active_element

    def tab_to(self, selector: str, most: int = 150) -> Any:
        for _ in range(most):
            self.press(Keys.TAB)
            if self.run("return document.activeElement.matches(arguments[0])", selector):
                return self.focused()
        raise AssertionError(f"{most} times Tab do not reach {selector}")

    def seen(self, selector: str) -> list[Any]:
        return [element for element in self.browser.find_elements(By.CSS_SELECTOR, selector) if element.is_displayed()]

    def media(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def width(self, width: int) -> None:
        metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def assert_fits(self) -> None:
        needed, given = self.run("return [document.documentElement.scrollWidth, innerWidth]")
        assert needed <= given

    def assert_readable(self, selector: str, at_least: int = 1) -> None:
        seen, _, faint = self.run(FAINT, selector)
        assert seen >= at_least
        assert not faint


class Browser:
    """Chromium, and the pages of the networks as files."""

    def __init__(self, folder: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in (*ARGUMENTS, f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.folder = folder
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))

    def file(self, name: str) -> Path:
        path = self.folder / f"{name}.html"
        if not path.exists():
            path.write_text(NETWORKS[name]().html(), encoding="utf-8")
        return path

    def open(self, name: str, width: int = 1280, scheme: str = "light") -> Page:
        page = Page(self.driver)
        page.width(width)
        page.media(scheme)
        self.driver.get(self.file(name).as_uri())
        return page


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.driver.quit()


@pytest.mark.parametrize("width", [380, 1280])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_page_is_no_wider_than_the_window(browser: Browser, name: str, width: int) -> None:
    page = browser.open(name, width)
    page.assert_fits()
    assert page.run("return document.querySelectorAll('.term').length") >= 4
    page.run("for (const each of document.querySelectorAll('details')) each.open = true")
    page.assert_fits()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_page_loads_nothing_else_and_the_console_stays_empty(browser: Browser, name: str) -> None:
    browser.driver.get_log("browser")
    page = browser.open(name)
    entries = page.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [entry for entry in entries if not entry.startswith("data:")] == []
    assert browser.driver.get_log("browser") == []
    assert page.run("return document.scripts.length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_text_stands_out_from_its_ground(browser: Browser, name: str, scheme: str) -> None:
    page = browser.open(name, scheme=scheme)
    page.run("for (const each of document.querySelectorAll('details')) each.open = true")
    page.assert_readable("body", at_least=50)


def test_light_and_dark_differ_and_a_faint_text_is_found(browser: Browser) -> None:
    page = browser.open("article", scheme="light")
    ground = "return getComputedStyle(document.querySelector('.lx')).backgroundColor"
    light = page.run(ground)
    page.media("dark")
    assert page.run(ground) != light
    page.run("document.querySelector('h2').style.color = '#444'")
    _, _, faint = page.run(FAINT, "body")
    assert [text.split(": ")[1].split(" <")[0] for text in faint] == ["Given"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["article", "residual", "lstm"])
def test_texts_stand_out_where_they_are_lit_up(browser: Browser, name: str, scheme: str) -> None:
    page = browser.open(name, scheme=scheme)
    gradients = page.seen(GRADIENT)
    reached = {term_of(element): element for element in gradients}
    assert len(reached) >= 4
    for term, element in reached.items():
        page.run("arguments[0].focus()", element)
        page.assert_readable(f".{term}")


def test_tab_reaches_a_gradient_and_lights_up_every_place_that_has_it(browser: Browser) -> None:
    page = browser.open("article")
    before = page.run(GROUNDS, ".lx *")
    term = term_of(page.tab_to(GRADIENT))
    after = page.run(GROUNDS, ".lx *")
    assert len(after[term]) >= 3
    assert all(a != b for a, b in zip(before[term], after[term], strict=True))
    assert {name: after[name] for name in after if name != term} == {n: before[n] for n in before if n != term}


def test_each_reused_gradient_lights_up_at_each_of_its_users(browser: Browser) -> None:
    page = browser.open("article")
    for element in page.browser.find_elements(By.CSS_SELECTOR, ".sym.box[tabindex]"):
        term = term_of(element)
        page.run("document.activeElement.blur()")
        dark = page.run(GROUNDS, f".{term}")[term]
        page.run("arguments[0].focus()", element)
        lit = page.run(GROUNDS, f".{term}")[term]
        assert len(set(lit)) == 1
        assert set(lit).isdisjoint(dark)


def test_pointing_at_a_symbol_lights_it_up_as_well(browser: Browser) -> None:
    page = browser.open("article")
    element = page.seen("section.forward mrow.value")[0]
    term = term_of(element)
    before = page.run(GROUNDS, f".{term}")[term]
    webdriver.ActionChains(page.browser).move_to_element(element).perform()
    after = page.run(GROUNDS, f".{term}")[term]
    assert all(a != b for a, b in zip(before, after, strict=True))


def test_the_arrow_keys_move_through_the_steps(browser: Browser) -> None:
    page = browser.open("residual")
    page.tab_to(".steps input", 1)
    for step, key in ((1, None), (2, Keys.ARROW_RIGHT), (3, Keys.ARROW_RIGHT), (2, Keys.ARROW_LEFT)):
        if key is not None:
            page.press(key)
        assert [element.get_attribute("class") for element in page.seen(".step")] == [f"step s{step}"]


def test_the_steps_show_different_losses(browser: Browser) -> None:
    page = browser.open("residual")
    page.tab_to(".steps input", 1)
    losses = []
    for _ in range(3):
        [loss] = page.seen("section.loss .brick:last-of-type .grid")
        losses.append(loss.text)
        page.press(Keys.ARROW_RIGHT)
    assert len(set(losses)) == 3


def test_one_row_alone_can_be_shown(browser: Browser) -> None:
    page = browser.open("residual")
    x = ".s1 section.given .term:first-child tr"
    assert len(page.seen(x)) == 4
    first = [number_of(text) for text in page.seen(x)[0].text.split()]
    page.tab_to("[name$=rows]", 2)
    page.press(Keys.ARROW_RIGHT)
    [row] = page.seen(x)
    np.testing.assert_allclose([number_of(text) for text in row.text.split()], first, atol=1e-5)
    page.assert_readable("body")
    page.press(Keys.ARROW_LEFT)
    assert len(page.seen(x)) == 4


@pytest.mark.parametrize("name", ["article", "residual", "convolution", "lstm"])
@pytest.mark.parametrize("width", [380, 1280])
def test_enter_on_a_number_opens_its_equation_and_escape_closes_it(browser: Browser, name: str, width: int) -> None:
    page = browser.open(name, width)
    button = page.tab_to("td button")
    assert page.seen(".pop") == []
    page.press(Keys.ENTER)
    [equation] = page.seen(".pop")
    assert equation.get_attribute("id") == button.get_attribute("popovertarget")
    value = [line for line in equation.text.splitlines() if line.startswith("= ")][-1]
    np.testing.assert_allclose(number_of(value.removeprefix("= ")), number_of(button.text), rtol=1e-5)
    assert 0 <= equation.rect["x"] <= equation.rect["x"] + equation.rect["width"] <= width
    page.assert_readable(".pop:popover-open", at_least=2)
    page.assert_fits()
    page.press(Keys.ESCAPE)
    assert page.seen(".pop") == []
    assert page.focused() == button


def test_every_number_behind_a_button_has_its_equation(browser: Browser) -> None:
    page = browser.open("article")
    missing = "return [...document.querySelectorAll('button')].filter(b => b.popoverTargetElement?.popover !== 'auto')"
    assert len(page.browser.find_elements(By.CSS_SELECTOR, "td button")) > 40
    assert page.run(missing) == []
    ids = page.run("return [...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))


def test_what_has_the_focus_is_outlined(browser: Browser) -> None:
    page = browser.open("residual")
    for selector in (".steps input", GRADIENT, "td button"):
        page.run("document.activeElement.blur()")
        element = page.tab_to(selector)
        style = (
            "const style = getComputedStyle(arguments[0]); return [style.outlineStyle, parseFloat(style.outlineWidth)]"
        )
        kind, width = page.run(style, element)
        assert kind != "none"
        assert width >= 1


def test_all_that_can_be_chosen_has_a_name(browser: Browser) -> None:
    page = browser.open("residual")
    for element in page.seen("input, summary"):
        assert element.accessible_name


def test_a_page_works_without_javascript(browser: Browser) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page = browser.open("residual")
        page.tab_to(".steps input", 1)
        page.press(Keys.ARROW_RIGHT)
        assert [element.get_attribute("class") for element in page.seen(".step")] == ["step s2"]
        page.tab_to("td button")
        page.press(Keys.ENTER)
        assert len(page.seen(".pop")) == 1
        page.press(Keys.ESCAPE)
        assert page.seen(".pop") == []
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_page_of_a_large_network_is_small_and_opens_fast(browser: Browser) -> None:
    assert browser.file("large").stat().st_size < 2_000_000
    page = browser.open("large")
    [milliseconds] = page.run("return performance.getEntriesByType('navigation').map(entry => entry.loadEventEnd)")
    assert 0 < milliseconds < 2000


def test_a_failed_step_says_where_and_why(browser: Browser) -> None:
    page = browser.open("failing", 380)
    [told] = page.seen(".failed")
    assert "the step ends here" in told.text
    assert "net[2]" in page.browser.find_element(By.TAG_NAME, "main").text
