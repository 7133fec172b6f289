"""log p(x) = ELBO(q) + KL(q || p(z|x)) on screen: exact, adding up to the digits shown, and unmoved by any drag."""

from __future__ import annotations

import math
import re

import pytest
import torch

import explorer
from explorer.datasets import load_dataset
from explorer.datasets.binarise import repeatable
from explorer.inference import log_evidence
from tests.browser.harness import READY, centre, settle, term

ROWS = ("reconstruction", "kl", "elbo", "gap", "log-evidence")


@pytest.fixture
def elbo(visit, address):
    """Opens the page of the ELBO with a query, and waits for log p(x)."""

    def open_(query: str, **options):
        page = visit(f"{address}/elbo?{query}", **options)
        page.wait_for_selector(READY, timeout=30_000)
        page.wait_for_selector("[data-testid=term-log-evidence][data-value]")
        return page

    return open_


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def shown(page) -> dict[str, int]:
    """The table's numbers in hundredths, as their digits say."""
    return {name: round(100 * number(page.get_by_test_id(f"term-{name}").inner_text())) for name in ROWS}


def exact(name: str, index: int) -> float:
    model = explorer.load(name)
    x = repeatable(load_dataset("mnist", "test").images[: index + 1], "dynamic")[index:]
    return log_evidence(model, x, method="quadrature", tolerance=1e-4).value.item()


def assert_adds_up(page) -> dict[str, int]:
    table = shown(page)
    assert table["reconstruction"] - table["kl"] == table["elbo"]
    assert table["elbo"] + table["gap"] == table["log-evidence"]
    values = {name: term(page, name) for name in ROWS}
    assert values["elbo"] == pytest.approx(values["reconstruction"] - values["kl"], abs=1e-9)
    assert values["elbo"] + values["gap"] == pytest.approx(values["log-evidence"], abs=1e-9)
    # No digit on screen is further than a hundredth from what it stands for.
    assert all(abs(table[name] / 100 - values[name]) <= 0.0151 for name in ROWS)
    return table


def lines(page) -> dict[str, float]:
    """The value of each line of the derivation, computed from the text on screen."""
    found = {}
    for name in ("marginal", "bayes", "split", "names", "terms"):
        text = page.get_by_test_id(f"line-{name}").inner_text().split("quadrature")[0]
        text = text.lstrip("= ").replace("−", "-").strip()
        assert re.fullmatch(r"[-+()0-9. \n]+", text), text
        found[name] = round(eval(text, {"__builtins__": {}}), 3)  # digits, signs and brackets alone
    return found


def test_the_identity_adds_up_and_log_p_stays_put_while_q_is_dragged(elbo):
    page = elbo("model=mnist-2d&image=4&tab=derivation")
    settle(page)
    before, log_p = assert_adds_up(page), term(page, "log-evidence")
    assert log_p == pytest.approx(exact("mnist-2d", 4), abs=2e-3)
    page.wait_for_selector("[data-testid=identity-check][data-kind=done]")
    assert len(set(lines(page).values())) == 1 and lines(page)["marginal"] == pytest.approx(log_p, abs=6e-4)
    assert abs(float(page.get_by_test_id("identity-check").get_attribute("data-residual"))) < 1e-3

    # Towards the posterior's peak: the gap shrinks, the cut moves, log p(x) does not.
    x, y = centre(page)
    page.mouse.move(x, y)
    page.mouse.down()
    cuts, gaps = [], []
    for i in range(1, 9):
        page.mouse.move(x - 4 * i, y - 7 * i)
        page.wait_for_timeout(50)
        gaps.append(term(page, "gap"))
        cuts.append(page.evaluate("() => document.querySelector('.lx-cut-elbo').style.transform"))
        assert term(page, "log-evidence") == log_p
    page.mouse.up()
    assert min(gaps) < before["gap"] / 100 - 0.5 and min(gaps) > -1e-3
    assert len(set(cuts)) > 4
    settle(page)
    after = assert_adds_up(page)
    assert after["log-evidence"] == before["log-evidence"] and after["elbo"] != before["elbo"]
    page.wait_for_selector("[data-testid=identity-check][data-kind=done]")
    assert len(set(lines(page).values())) == 1
    assert abs(float(page.get_by_test_id("identity-check").get_attribute("data-residual"))) < 1e-3


def test_the_cut_is_a_monotone_function_of_the_elbo_alone(elbo):
    """Over a drag of 200 moves with the real mouse, out and back again."""
    page = elbo("model=mnist-2d&image=4")
    settle(page)
    page.evaluate(
        """() => {
            const value = (name) => Number(document.querySelector(`[data-testid=term-${name}]`).dataset.value);
            const cut = document.querySelector('.lx-cut-elbo');
            window.seen = [];
            const look = () => {
                const share = Number(/scaleX\\(([-0-9.e]+)\\)/.exec(cut.style.transform)[1]);
                window.seen.push([value('elbo'), value('log-evidence'), share]);
                window.looking = requestAnimationFrame(look);
            };
            look();
        }"""
    )
    x, y = centre(page)
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(200):
        out = math.sin(math.pi * i / 199)
        page.mouse.move(x - 150 * out, y - 90 * out * math.cos(i / 40))
    page.mouse.up()
    seen = page.evaluate("() => { cancelAnimationFrame(window.looking); return window.seen; }")
    log_p = {log_p for _, log_p, _ in seen}
    assert len(log_p) == 1
    states = sorted({(elbo, share) for elbo, _, share in seen})
    assert len(states) > 50 and states[0][0] < states[-1][0] - 50
    shares = [share for _, share in states]
    assert shares == sorted(shares)
    # The same for the same state, whatever came before: by a formula that knows nothing but the gap.
    for value, share in states:
        gap = max(next(iter(log_p)) - value, 0)
        assert share == pytest.approx(1 - min(math.log1p(gap) / math.log1p(10_000), 1), abs=1e-6)


def test_a_cut_beyond_the_scale_and_a_log_p_that_nobody_knows_are_said(elbo):
    page = elbo("model=mnist-2d&image=4")
    said = page.evaluate(
        """async () => {
            const style = document.querySelector('link[href*="style/style.css"]').href;
            const { EvidenceBar } = await import(style.replace('style/style.css', 'panel/evidence_bar.mjs'));
            const bar = new EvidenceBar(784);
            document.querySelector('[data-testid=evidence-bar]').replaceWith(bar.element);
            const said = (...state) => { bar.show(...state); return bar.element.innerText; };
            return [said(null), said(null, NaN, NaN, false), said(-100, -20_000, -101), said(-100, -9_000, -101)];
        }"""
    )
    assert "being computed" in said[0] and "is not known" in said[1]
    assert "more than 10,000 nats below" in said[2] and "more than" not in said[3]


def test_another_image_brings_its_own_posterior_and_the_last_of_many_wins(elbo):
    page = elbo("model=mnist-2d&image=4")
    for _ in range(5):
        page.get_by_role("button", name="Next image").click()
    page.wait_for_function("() => document.querySelector('[data-testid=posterior-layer]').dataset.image === '9'")
    settle(page)
    assert page.get_by_test_id("image-number").input_value() == "9"
    assert term(page, "log-evidence") == pytest.approx(exact("mnist-2d", 9), abs=2e-3)
    assert page.get_by_test_id("posterior-layer").get_attribute("data-shown") == "true"
    assert_adds_up(page)
    page.wait_for_selector("[data-testid=gap-diagonal][data-value]")
    assert float(page.get_by_test_id("gap-diagonal").get_attribute("data-value")) < term(page, "gap") + 0.02


def test_beyond_two_dimensions_it_is_an_estimate_and_says_so(elbo):
    page = elbo("model=mnist-16d&image=2&tab=derivation")
    settle(page)
    assert page.get_by_test_id("term-log-evidence").get_attribute("data-method") == "importance"
    assert "more than two latent dimensions" in page.get_by_test_id("identity-check").inner_text()
    model = explorer.load("mnist-16d")
    x = repeatable(load_dataset("mnist", "test").images[:3], "dynamic")[2:]
    generator = torch.Generator().manual_seed(0)
    other = log_evidence(model, x, method="iwae", samples=20_000, widen=1.3, generator=generator)
    assert abs(term(page, "log-evidence") - other.value.item()) < 4 * other.error.item() + 0.1
    assert_adds_up(page)
    page.wait_for_function("() => document.querySelector('[data-testid=posterior-layer]').dataset.shown === 'true'")


def test_the_address_keeps_tab_zoom_and_layers(elbo, visit):
    page = elbo("model=mnist-2d&image=3")
    page.get_by_test_id("tab-ladder").click()
    page.get_by_test_id("zoom").click()
    page.get_by_test_id("layer-posterior").click()
    again = visit(page.url)
    again.wait_for_selector(READY)
    assert again.get_by_test_id("tab-ladder").get_attribute("aria-selected") == "true"
    assert again.get_by_test_id("zoom").get_attribute("aria-pressed") == "false"
    assert again.get_by_test_id("layer-posterior").get_attribute("aria-pressed") == "false"
    assert again.get_by_test_id("posterior-layer").get_attribute("data-shown") == "false"
