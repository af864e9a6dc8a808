"""The page of an explanation in a browser: Chromium and its driver must be installed.

``pytest tests/browser`` runs it, as it is no part of the tests that run everywhere.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from explain.article import explained
from legonet import (
    SGD,
    Adam,
    Conv2d,
    CrossEntropyLoss,
    Flatten,
    L2Regularizer,
    LastStep,
    Linear,
    MaxPool2d,
    MSELoss,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    TransformerBlock,
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


def attention() -> Explanation:
    net = Sequential(TransformerBlock(4, 2, 8, rng=0), LastStep(), Linear(4, 2, rng=2))
    return explain(net, MSELoss(), normal(2, 3, 4, seed=0), normal(2, 2, seed=1))


def failing() -> Explanation:
    net = Sequential(Linear(2, 2, rng=0), Sigmoid(), Linear(5, 1, rng=0))
    return explain(net, MSELoss(), normal(4, 2), normal(4, 1))


def infinite() -> Explanation:
    net = Sequential(Linear(2, 2, rng=3), Linear(2, 1, weight=np.full((2, 1), 1e200), bias=False))
    with np.errstate(all="ignore"):
        return explain(net, MSELoss(), np.ones((4, 2)), np.ones((4, 1)))


def large() -> Explanation:
    rng = np.random.default_rng(0)
    net = Sequential(Linear(784, 256, rng=rng), ReLU(), Linear(256, 128, rng=rng), ReLU(), Linear(128, 10, rng=rng))
    x, target = rng.normal(size=(128, 784)), rng.integers(0, 10, 128)
    return explain(net, CrossEntropyLoss(), x, target, optimizer=SGD(net.parameters(), lr=0.1))


EXPLANATIONS = {
    "article": explained,
    "residual": residual,
    "convolution": convolution,
    "attention": attention,
    "failing": failing,
    "infinite": infinite,
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


@pytest.mark.parametrize("name", EXPLANATIONS)
@pytest.mark.parametrize("width", [380, 1280])
def test_the_page_does_not_scroll_sideways_and_the_console_is_quiet(
    browser: webdriver.Chrome, pages: Callable[[str], str], name: str, width: int
) -> None:
    opened(browser, pages(name), width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    beyond = browser.execute_script(
        """return [...document.querySelectorAll('.lx *')].filter(e => e.checkVisibility() && !e.closest('.scroll, ol')
           && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert beyond == []
    browser.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []


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


def test_the_page_of_a_large_network_opens_within_two_seconds(
    browser: webdriver.Chrome, pages: Callable[[str], str]
) -> None:
    address = pages("large")
    opened(browser, "about:blank")
    started = time.perf_counter()
    browser.get(address)
    browser.execute_script("return document.documentElement.getBoundingClientRect().height")
    assert time.perf_counter() - started < 2


def test_pointing_at_a_gradient_lights_up_every_place_that_uses_it(
    browser: webdriver.Chrome, pages: Callable[[str], str]
) -> None:
    opened(browser, pages("article"))
    box = next(each for each in visible(browser, ".backward .sym.box") if each.get_attribute("class"))
    (light,) = [name for name in str(box.get_attribute("class")).split() if name.startswith("t")]
    places = visible(browser, f".{light}")
    assert len(places) == 7  # overview, symbol, result; formula and numbers of dL/dW2, of dL/dh1
    before = {background(browser, each) for each in places}
    ActionChains(browser).move_to_element(box).perform()
    after = {background(browser, each) for each in places}
    assert before == {"rgba(0, 0, 0, 0)"}
    assert after == {"rgb(255, 232, 154)"}


def test_the_tab_key_reaches_a_gradient_and_lights_up_its_uses(
    browser: webdriver.Chrome, pages: Callable[[str], str]
) -> None:
    opened(browser, pages("article"))
    for _ in range(200):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        focused = browser.switch_to.active_element
        if focused.tag_name == "mrow":
            break
    assert focused.get_attribute("aria-label") == "dL/dh2"
    (light,) = [name for name in str(focused.get_attribute("class")).split() if name.startswith("t")]
    assert {background(browser, each) for each in visible(browser, f".{light}")} == {"rgb(255, 232, 154)"}


def test_arrow_keys_move_the_slider_from_step_to_step(browser: webdriver.Chrome, pages: Callable[[str], str]) -> None:
    opened(browser, pages("residual"))
    for _ in range(40):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        if browser.switch_to.active_element.get_attribute("id") == "lx-s1":
            break
    shown = [[each.is_displayed() for each in browser.find_elements(By.CSS_SELECTOR, ".step")]]
    for _ in range(2):
        ActionChains(browser).send_keys(Keys.ARROW_RIGHT).perform()
        shown.append([each.is_displayed() for each in browser.find_elements(By.CSS_SELECTOR, ".step")])
    assert shown == [[True, False, False], [False, True, False], [False, False, True]]


def test_enter_on_a_number_opens_what_is_behind_it_and_escape_closes_it(
    browser: webdriver.Chrome, pages: Callable[[str], str]
) -> None:
    opened(browser, pages("article"))
    button = browser.find_element(By.CSS_SELECTOR, 'button[title^="dL/dW1[0, 2]"]')
    browser.execute_script("arguments[0].focus()", button)
    behind = browser.find_element(By.ID, str(button.get_attribute("popovertarget")))
    assert not behind.is_displayed()
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert behind.is_displayed()
    assert "x[0, 0] · ∂L/∂z₁[0, 2]" in behind.text
    assert "= 0.03647082" in behind.text
    assert "by finite differences 0.0364708" in behind.text
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert not behind.is_displayed()
    assert browser.switch_to.active_element == button


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


def test_one_row_of_the_batch_can_be_shown_alone(browser: webdriver.Chrome, pages: Callable[[str], str]) -> None:
    opened(browser, pages("residual"))
    assert not visible(browser, ".one")
    assert visible(browser, ".whole")
    browser.find_element(By.ID, "lx-one").click()
    assert visible(browser, ".one")
    assert not visible(browser, ".whole")


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


CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const known = {};
const colour = text => {
  if (known[text]) return known[text];
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  const d = canvas.getImageData(0, 0, 1, 1).data;
  return known[text] = [d[0], d[1], d[2], d[3] / 255];
};
const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = c => .2126 * linear(c[0] / 255) + .7152 * linear(c[1] / 255) + .0722 * linear(c[2] / 255);
const behind = e => { if (!e) return [255, 255, 255, 1]; const c = colour(getComputedStyle(e).backgroundColor);
  return c[3] === 1 ? c : over(c, behind(e.parentElement)) };
const low = [];
for (const e of document.querySelectorAll('.lx *')) {
  if (e.closest('style') || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
  if (!e.closest('[popover]') && !e.checkVisibility()) continue;
  const b = behind(e), f = over(colour(getComputedStyle(e).color), b), l = [light(f), light(b)].sort((x, y) => y - x);
  const ratio = (l[0] + .05) / (l[1] + .05);
  if (ratio < 4.5) low.push([ratio.toFixed(2), e.textContent.slice(0, 30), e.className]);
}
return low.slice(0, 9);
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["article", "residual", "convolution", "failing", "infinite"])
def test_all_text_has_contrast(browser: webdriver.Chrome, pages: Callable[[str], str], name: str, scheme: str) -> None:
    opened(browser, pages(name), scheme=scheme)
    assert browser.execute_script(CONTRAST) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_that_is_lit_has_contrast(browser: webdriver.Chrome, pages: Callable[[str], str], scheme: str) -> None:
    opened(browser, pages("residual"), scheme=scheme)
    browser.execute_script(
        """for (const e of document.querySelectorAll('.lx *'))
           if ([...e.classList].some(name => /^t[0-9]+$/.test(name))) e.style.background = 'var(--lit)'"""
    )
    assert browser.execute_script(CONTRAST) == []


@pytest.mark.parametrize("dark", [True, False])
def test_a_notebooks_own_colours_win(browser: webdriver.Chrome, pages: Callable[[str], str], dark: bool) -> None:
    opened(browser, pages("article"), scheme="light" if dark else "dark")
    browser.execute_script(f"document.body.dataset.jpThemeLight = '{str(not dark).lower()}'")
    found: Any = background(browser, browser.find_element(By.CSS_SELECTOR, ".lx"))
    assert found == ("rgb(20, 22, 26)" if dark else "rgb(252, 252, 251)")
