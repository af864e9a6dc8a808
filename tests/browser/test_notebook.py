"""An explanation in a notebook, in a browser; and boxes that scroll or open there. Chromium must be installed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from explain.article import explained
from legonet import (
    SGD,
    Adam,
    Conv2d,
    CrossEntropyLoss,
    Flatten,
    L2Regularizer,
    Linear,
    MaxPool2d,
    MSELoss,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
)
from legonet.explain import Explanation, explain
from strategies import normal

CHROMIUM = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def residual() -> Explanation:
    net = Sequential(Linear(2, 3, rng=0), Residual(Sequential(Linear(3, 3, rng=1), Sigmoid())), Linear(3, 2, rng=2))
    penalties = [L2Regularizer([net[0].weight], strength=0.1)]
    sgd = SGD(net.parameters(), lr=0.1, momentum=0.9)
    x, target = normal(4, 2, seed=3), normal(4, 2, seed=4)
    return explain(net, MSELoss(), x, target, regularizers=penalties, optimizer=sgd, steps=3)


def convolution() -> Explanation:
    net = Sequential(Conv2d(2, 3, 3, padding=1, rng=0), ReLU(), MaxPool2d(2), Flatten(), Linear(27, 4, rng=1))
    adam = Adam(net.parameters())
    return explain(net, CrossEntropyLoss(), normal(3, 2, 6, 6, seed=0), np.array([0, 3, 1]), optimizer=adam)


def large() -> Explanation:
    rng = np.random.default_rng(0)
    net = Sequential(Linear(784, 256, rng=rng), ReLU(), Linear(256, 128, rng=rng), ReLU(), Linear(128, 10, rng=rng))
    x, target = rng.normal(size=(128, 784)), rng.integers(0, 10, 128)
    return explain(net, CrossEntropyLoss(), x, target, optimizer=SGD(net.parameters(), lr=0.1))


EXPLANATIONS = {
    "article": explained,
    "residual": residual,
    "convolution": convolution,
    "large": large,
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    folder = tmp_path_factory.mktemp("pages")

    def address(name: str) -> str:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(EXPLANATIONS[name]().html(), encoding="utf-8")
        return path.as_uri()

    return address


NOTEBOOK = """
.out table { margin: auto; border-collapse: collapse; table-layout: fixed; border: none; font-size: 12px; }
.out tr, .out td { text-align: right; padding: .5em; white-space: normal; max-width: none; border: none; }
.out tbody tr:nth-child(odd) { background: #eee; }
.out a:link { color: blue; text-decoration: underline; }
.out ul:not(.list-inline), .out ol:not(.list-inline) { padding-left: 2em; }
.out :not(pre) > code { background: #eee; padding: 1px 5px; }
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two outputs of explanations among what else a notebook shows."""
    path = tmp_path_factory.mktemp("notebook") / "notebook.html"
    own = "<table id='own'><tr><td>1</td></tr></table><p id='text' class='t3'>x</p>"
    outputs = "".join(f"<div class='out'>{residual()._repr_html_()}</div>" for _ in range(2))
    head = f"<!DOCTYPE html><meta charset='utf-8'><style>{NOTEBOOK}</style>"
    path.write_text(f"{head}<div class='out'>{own}</div>{outputs}", encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield started
    started.quit()


def opened(browser: webdriver.Chrome, address: str, width: int = 1280, scheme: str = "light") -> webdriver.Chrome:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    media["features"].append({"name": "prefers-reduced-motion", "value": "reduce"})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get("about:blank")
    browser.get(address)
    return browser


def background(browser: webdriver.Chrome, element: WebElement) -> str:
    return str(browser.execute_script("return getComputedStyle(arguments[0]).backgroundColor", element))


def visible(browser: webdriver.Chrome, selector: str) -> list[WebElement]:
    return [each for each in browser.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed()]


@pytest.mark.parametrize("name", ["article", "residual", "convolution", "large"])
def test_what_scrolls_in_a_box_of_its_own_is_reached_by_the_keyboard(
    browser: webdriver.Chrome, pages: Callable[[str], str], name: str
) -> None:
    opened(browser, pages(name), 380)
    unreachable = browser.execute_script(
        """return [...document.querySelectorAll('.scroll, ol')].filter(e => e.checkVisibility()
           && e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0 && !e.querySelector('button, [tabindex="0"]'))
           .map(e => e.textContent.slice(0, 60))"""
    )
    assert unreachable == []


@pytest.mark.parametrize("width", [380, 1280])
def test_what_opens_stays_within_the_window(browser: webdriver.Chrome, pages: Callable[[str], str], width: int) -> None:
    opened(browser, pages("large"), width)
    for button in visible(browser, "td button")[::60]:
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", button)
        place = browser.execute_script(
            """const r = document.querySelector(':popover-open').getBoundingClientRect();
               return [r.left, r.top, r.right, r.bottom]"""
        )
        assert place[0] >= 0
        assert place[1] >= 0
        assert place[2] <= width
        assert place[3] <= 900


def test_the_overview_leads_to_where_a_term_is_computed(browser: webdriver.Chrome, pages: Callable[[str], str]) -> None:
    opened(browser, pages("article"))
    browser.find_element(By.CSS_SELECTOR, 'nav a[aria-label="dL/dW1"]').click()
    target = browser.find_element(By.CSS_SELECTOR, ".term:target")
    top = browser.execute_script("return arguments[0].getBoundingClientRect().top", target)
    assert -1 <= top <= 450
    assert "chain rule" in target.text


def test_formulas_are_drawn_as_formulas(browser: webdriver.Chrome, pages: Callable[[str], str]) -> None:
    opened(browser, pages("article"))
    fraction = visible(browser, "mfrac")[0]
    top, bottom = fraction.find_elements(By.CSS_SELECTOR, ":scope > mrow")
    assert top.rect["y"] + top.rect["height"] <= bottom.rect["y"] + 1
    assert len(browser.find_elements(By.CSS_SELECTOR, ".given table.m")) == 4


@pytest.mark.parametrize("dark", [True, False])
def test_a_notebooks_own_colours_win(browser: webdriver.Chrome, pages: Callable[[str], str], dark: bool) -> None:
    opened(browser, pages("article"), scheme="light" if dark else "dark")
    browser.execute_script(f"document.body.dataset.jpThemeLight = '{str(not dark).lower()}'")
    found: Any = background(browser, browser.find_element(By.CSS_SELECTOR, ".lx"))
    assert found == ("rgb(20, 22, 26)" if dark else "rgb(252, 252, 251)")


def test_two_outputs_in_a_notebook_are_switched_apart(browser: webdriver.Chrome, notebook: str) -> None:
    opened(browser, notebook)
    one, other = browser.find_elements(By.CSS_SELECTOR, ".lx")
    one.find_element(By.CSS_SELECTOR, "[id$=-one]").click()
    assert any(each.is_displayed() for each in one.find_elements(By.CSS_SELECTOR, ".one"))
    assert not any(each.is_displayed() for each in other.find_elements(By.CSS_SELECTOR, ".one"))
    one.find_element(By.CSS_SELECTOR, "[id$=-s3]").click()
    shown = [[step.is_displayed() for step in each.find_elements(By.CSS_SELECTOR, ".step")] for each in (one, other)]
    assert shown == [[False, False, True], [True, False, False]]


def test_a_notebook_keeps_its_look_and_the_outputs_theirs(browser: webdriver.Chrome, notebook: str) -> None:
    opened(browser, notebook)
    style = "const s = getComputedStyle(arguments[0]); return [s.color, s.backgroundColor, s.paddingLeft]"
    row, text = (browser.find_element(By.CSS_SELECTOR, selector) for selector in ("#own tr", "#text"))
    assert browser.execute_script(style, row)[1] == "rgb(238, 238, 238)"
    symbol = browser.find_element(By.CSS_SELECTOR, ".lx .t3")
    ActionChains(browser).move_to_element(symbol).perform()
    assert background(browser, symbol) == "rgb(255, 232, 154)"
    assert background(browser, text) == "rgba(0, 0, 0, 0)"
    link = visible(browser, ".lx .map a.value")[0]
    assert browser.execute_script(style, link)[0] == "rgb(11, 79, 160)"
    assert browser.execute_script(style, visible(browser, ".lx table.m tr")[0])[1] == "rgba(0, 0, 0, 0)"
    assert browser.execute_script(style, visible(browser, ".lx table.m td")[0])[2] in ("0px", "7.2px")
    assert browser.execute_script(style, visible(browser, ".lx .legend")[0])[2] == "0px"
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1280
