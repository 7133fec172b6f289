"""Models of grey and colour values, dragged with the real mouse: pixels follow, and torch agrees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from explorer.checkpoint.programs import export_decoder
from explorer.checkpoint.weights import load_checkpoint
from tests.browser.harness import drag, pixels, server, settle, term
from tests.helpers.spaces import save_pictures

GAUSSIAN = ("reconstruction", "kl", "elbo")
POINT = ("log-likelihood", "log-prior", "log-posterior", "log-weight")
MODELS = {
    "grey-gaussian": ((1, 28, 28), "gaussian", {"hidden": (64, 32)}),
    "grey-continuous": ((1, 28, 28), "continuous-bernoulli", {"hidden": (64, 32)}),
    "colour-logistic": ((3, 16, 16), "discretised-logistic", {"network": "conv", "hidden": (16, 24, 32)}),
    "colour-large": ((3, 64, 64), "discretised-logistic", {"network": "conv", "hidden": (32, 64, 128, 128, 128)}),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """The app with these models beside the pretrained ones."""
    folder = tmp_path_factory.mktemp("models")
    for name, (shape, likelihood, options) in MODELS.items():
        save_pictures(folder / name, shape, likelihood, gain=1.7, **options)
        export_decoder(load_checkpoint(folder / name).model, folder / name)  # as every model of the app has it
    with server(EXPLORER_MODELS=str(folder)) as url:
        yield url


def assert_agrees(page, names, size: int) -> None:
    torch = settle(page)
    # What the page itself calls agreement: 1e-3 nats, or a millionth where there are thousands.
    most = max(1e-3, 1e-6 * max(size, *(abs(value) for value in torch.values())))
    for name in names:
        assert abs(term(page, name) - torch[name.replace("-", "_")]) < most, name
    assert page.get_by_test_id("torch-check").get_attribute("data-kind") == "agrees"


@pytest.mark.parametrize(("model", "engine", "mode", "names"), [
    ("grey-gaussian", "browser", "gaussian", GAUSSIAN), ("colour-logistic", "server", "gaussian", GAUSSIAN),
    ("colour-large", "server", "point", POINT),
    pytest.param("grey-gaussian", "browser", "point", POINT, marks=pytest.mark.slow),
    pytest.param("grey-continuous", "browser", "gaussian", GAUSSIAN, marks=pytest.mark.slow),
    pytest.param("colour-logistic", "browser", "gaussian", GAUSSIAN, marks=pytest.mark.slow),
    pytest.param("colour-large", "server", "gaussian", GAUSSIAN, marks=pytest.mark.slow),
])  # fmt: skip
def test_a_mouse_drag_moves_pixels_and_terms_and_torch_agrees(open_page, model, engine, mode, names):
    # The large one goes to the server of its own accord.
    asked = "" if model == "colour-large" else f"&engine={engine}"
    page = open_page(f"model={model}&mode={mode}&image=4{asked}")
    assert page.get_by_test_id("latent-map").get_attribute("data-engine") == engine
    size = 12_288 if model == "colour-large" else 784
    before = {name: term(page, name) for name in names}
    canvases = ("decoded-image", "difference-image")
    images = {name: pixels(page, name) for name in canvases}
    assert_agrees(page, names, size)
    drag(page, 70, -55)
    assert_agrees(page, names, size)
    assert all(abs(term(page, name) - before[name]) > 1e-2 for name in names)
    assert all(pixels(page, name) != images[name] for name in canvases)
    if mode == "gaussian":
        assert term(page, "elbo") == pytest.approx(term(page, "reconstruction") - term(page, "kl"), abs=1e-9)


def test_x_is_the_image_itself_and_the_difference_has_its_sign(open_page):
    page = open_page("model=grey-gaussian&image=4&mode=point")
    settle(page)
    read = """name => { const c = document.querySelector(`[data-testid=${name}]`);
        return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]; }"""
    x, mean, difference = (page.evaluate(read, name) for name in ("anchor-image", "decoded-image", "difference-image"))
    from tests.helpers.spaces import synthetic_pictures

    grey = synthetic_pictures(60, (1, 28, 28))[4].flatten().tolist()
    assert x[::4] == x[1::4] == x[2::4] == grey
    brighter = [i for i in range(784) if grey[i] > mean[4 * i] + 8]
    darker = [i for i in range(784) if grey[i] < mean[4 * i] - 8]
    assert brighter and darker
    assert all(difference[4 * i] > difference[4 * i + 2] for i in brighter)  # orange
    assert all(difference[4 * i] < difference[4 * i + 2] for i in darker)  # blue
    assert "can be positive" in page.get_by_test_id("unit").get_attribute("title")


def test_colour_stays_colour_in_thumbnails_and_in_the_manifold(open_page):
    page = open_page("model=colour-logistic&image=4&layers=manifold")
    page.wait_for_function("() => document.querySelector('.lx-plot').layout.images.length === 1")
    coloured = """async () => { const image = new Image();
        image.src = document.querySelector('.lx-plot').layout.images[0].source;
        await image.decode();
        const c = document.createElement('canvas'); c.width = image.width; c.height = image.height;
        const at = c.getContext('2d'); at.drawImage(image, 0, 0);
        const data = at.getImageData(0, 0, c.width, c.height).data;
        let most = 0;
        for (let i = 0; i < data.length; i += 4) most = Math.max(most, Math.abs(data[i] - data[i + 2]));
        return most; }"""
    assert page.evaluate(coloured) > 10
    anchor = page.get_by_test_id("anchor-image").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    assert max(abs(r - b) for r, b in zip(anchor[::4], anchor[2::4], strict=True)) > 50


def test_bars_stay_in_their_track_whatever_the_sign_of_the_terms(open_page):
    page = open_page("model=grey-gaussian&image=4&mode=point")
    for elbo in (1_234.5, 20.0, 0.0, -3.0, -2_345.6):
        boxes = page.evaluate(
            """async (elbo) => {
                const style = document.querySelector('link[href*="style/style.css"]').href;
                const { Bars } = await import(style.replace('style/style.css', 'panel/bars.mjs'));
                const bars = new Bars();
                document.querySelector('.lx-bars').replaceWith(bars.element);
                const terms = (by) => ({ 'log-likelihood': elbo + 12 + by, 'log-prior': -12 });
                bars.show(terms(0), terms(7));
                const box = (node) => {
                    const { left, right, width } = node.getBoundingClientRect();
                    return [left, right, width];
                };
                const track = bars.mine.element;
                const shown = JSON.stringify([bars.mine.segments.map(box), bars.axis.innerText]);
                const far = { 'log-likelihood': 3 * elbo - 500, 'log-prior': -900 };
                bars.show(far, terms(7));
                bars.show(terms(0), terms(7));
                const again = JSON.stringify([bars.mine.segments.map(box), bars.axis.innerText]);
                return {
                    same: shown === again, track: box(track),
                    parts: bars.mine.segments.map(box), axis: bars.axis.innerText,
                };
            }""",
            elbo,
        )
        left, right, _ = boxes["track"]
        first, second = boxes["parts"]
        assert boxes["same"]  # whatever was shown in between
        for low, high, _ in (first, second):
            assert low >= left - 0.5 and high <= right + 0.5
        # The two lengths are in the ratio of |log p(x|z)| to |log p(z)|.
        assert first[2] / second[2] == pytest.approx(abs(elbo + 12) / 12, rel=0.02, abs=0.02)
        # The end of the second is log p(x, z): left of the first's end, by |log p(z)|.
        end = first[1] if elbo + 12 > 0 else first[0]
        assert second[1] == pytest.approx(end, abs=0.6) and second[2] > 0
        assert ("0 nats" in boxes["axis"]) or elbo in (-3.0,)
