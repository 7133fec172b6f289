"""A view read from an address: what cannot be used gives its default and one notice."""

from __future__ import annotations

import base64
import math
import re
import struct

import pytest

from explorer.frontend.files import STATIC
from explorer.page.address import SORTS, TABS, View, choose_model, read_view

RANGE = [-3.0, 3.0, -2.0, 4.0]


def read(**query: str) -> View:
    return read_view(query, count=300, classes=10, map_range=RANGE)


def test_an_address_without_a_query_is_the_default_without_a_notice() -> None:
    assert read() == View() and read().notices == ()
    empty = read(image="", mode="", engine="", at="", scale="", layers="", hide="", points="")
    assert empty == View() and empty.notices == ()


def test_every_part_is_read() -> None:
    view = read(image="299", mode="point", engine="server", at="0.25,-1e-3", scale="0.5,2", layers="prior,manifold",
                hide="9,0,3,3", points="all", model="x", unknown="y")  # fmt: skip
    assert view == View(299, "point", (0.25, -1e-3), (0.5, 2.0), ("manifold", "prior"), (0, 3, 9), "server")
    assert view.notices == ()
    assert view.state() == {"image": 299, "mode": "point", "u": (0.25, -1e-3), "sigma": (0.5, 2.0),
                            "layers": ["manifold", "prior"], "hidden": [0, 3, 9], "engine": "server",
                            "drawn": None, "zoom": False, "tab": None, "map": None, "base": None,
                            "colour": None, "shade": None, "near": None, "view": None, "way": None,
                            "stops": None, "plot": None, "look": None, "sort": None, "picked": None}  # fmt: skip


def test_the_page_of_the_elbo_opens_close_to_the_posterior_and_an_address_says_otherwise() -> None:
    def elbo(**query: str) -> View:
        return read_view(query, count=300, classes=10, map_range=RANGE, tabs="elbo")

    assert elbo() == View(layers=("posterior",), zoom=True)
    assert elbo(layers="none", zoom="map", tab="ladder") == View(tab="ladder")
    assert read(zoom="q", layers="posterior") == View(layers=("posterior",), zoom=True)
    assert read(drawn="AAf_-x").drawn == "AAf_-x"
    for name, value in (("zoom", "in"), ("tab", "elbo"), ("drawn", "a b"), ("drawn", "A" * 3_000)):
        assert elbo(**{name: value}) == View(layers=("posterior",), zoom=True)
        assert len(elbo(**{name: value}).notices) == 1


@pytest.mark.parametrize("name", ["zoom", "tab", "drawn", "layers"])
@pytest.mark.parametrize("value", ["<script>alert(1)</script>", "9" * 5_000, "..", " ", "none ", "Game"])
def test_what_the_page_of_the_elbo_cannot_use_gives_one_short_notice(name: str, value: str) -> None:
    view = read_view({name: value, "image": "7"}, count=300, classes=10, map_range=RANGE, tabs="elbo")
    if (name, value) == ("drawn", "Game"):  # four characters of base64: whose they are, the map says
        assert view.drawn == "Game" and not view.notices
        return
    assert (view.image, view.zoom, view.tab, view.drawn) == (7, True, None, None)
    assert len(view.notices) == 1 and view.notices[0].endswith(".") and len(view.notices[0]) < 160


def test_the_page_of_the_latents_reads_its_map_and_its_z() -> None:
    def latents(**query: str) -> View:
        return read_view(query, count=300, classes=10, map_range=RANGE, latent=3, tabs="latents")

    for name in ("axes-1-3", "images-0-12-299", "umap-0123456789abcdef"):
        view = latents(map=name, at="40,-3", z="1,-2.5,1e-3", tab="paths")
        assert (view.map, view.u, view.z, view.tab) == (name, (40.0, -3.0), (1.0, -2.5, 1e-3), "paths")
        assert not view.notices and view.state()["base"] == view.z
    for colour in ("kl", "trustworthiness", "z_3", "own my score", None):
        view = latents(colour=colour or "class", shade="both")
        assert (view.colour, view.shade, view.notices) == (colour, "both", ())
    for name, value in (
        *(("colour", value) for value in ("z_0", "z_4", "z_", "KL", "own ", "own " + "x" * 300, "<script>")),
        *(("shade", value) for value in ("Doubt", "x", "<script>")),
        *(("map", value) for value in ("axes-1", "umap-xyz", "images-1-2", "../x", "umap-" + "0" * 17)),
        *(("z", value) for value in ("1,2", "1,2,3,4", "1,2,nan", "1,2,1e9", "a,b,c", "1" * 30_000)),
    ):
        view = latents(**{name: value})
        assert view == View() and len(view.notices) == 1 and len(view.notices[0]) < 160
    # Another map's units: neither place nor scales are taken from it.
    view = latents(map="umap-xyz", at="1,1", scale="0.2,0.2")
    assert view == View() and len(view.notices) == 1
    # A z whose place on the map is refused would not be the one that is shown.
    far = latents(z="1,2,3", at="1e6,0")
    assert far.u is None and far.z is None
    assert read(map="axes-1-3", z="1,2,3", colour="kl", shade="doubt") == View()  # of another page


def packed(*numbers: float) -> str:
    return base64.urlsafe_b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode().rstrip("=")


def test_the_page_of_the_latents_reads_what_its_tabs_show() -> None:
    def latents(**query: str) -> View:
        return read_view(query, count=300, classes=10, map_range=RANGE, latent=3, tabs="latents")

    view = latents(near="image", view="grid", way="spherical", stops=packed(1, -2.5, 0, 0.25, 1000, 4))
    assert (view.near, view.view, view.way) == ("image", "grid", "spherical") and not view.notices
    assert view.stops == ((1.0, -2.5, 0.0), (0.25, 1000.0, 4.0)) and view.state()["stops"] == view.stops
    assert latents(stops=packed(*[1.0] * 24)).stops == ((1.0, 1.0, 1.0),) * 8
    assert latents(near="place", view="sliders", way="geodesic", stops="").notices == ()
    for name, value in (
        *(("near", value) for value in ("Image", "x", "<script>")),
        *(("view", value) for value in ("Grid", "x", "9" * 5_000)),
        *(("way", value) for value in ("drawn", "Straight", "<script>")),
        *(("stops", value) for value in (packed(1, 2), packed(1, 2, 3, 4), packed(*[1.0] * 27), "A", "AAAAA", "AA==")),
        *(("stops", packed(1, 2, value)) for value in (math.nan, math.inf, -math.inf, 1e9)),
        *(("stops", value) for value in ("<script>", "A" * 30_000, "+/+/", " ", packed(1, 2, 3) + "\n", "é" * 16)),
    ):
        view = latents(**{name: value})
        assert view == View() and len(view.notices) == 1 and len(view.notices[0]) < 160
    assert read(near="image", view="grid", way="straight", stops="x") == View()  # of another page


def test_no_layer_at_all_is_said_by_a_word_and_tabs_are_of_one_page() -> None:
    assert read(layers="none") == View() and not read(layers="none").notices
    assert read(layers="none,prior").layers == ("prior",)
    assert read(tab="ladder") == View() and not read(tab="ladder").notices
    assert read(tab="nonsense").tab is None
    assert View(drawn="AA", tab="gaps", zoom=True).state()["drawn"] == "AA"


LONG, SCRIPT = "9" * 5_000, "<script>alert(1)</script>"
PAIRS = ["nan,inf", "nan,0", "0,-inf", "1e9,0", "0,1e400", "1", "1,2,3", ",", "1,", "x,y", "0x1,2", " ", LONG, SCRIPT,
         LONG + "," + LONG, "1;2", "(1,2)", "١,"]  # fmt: skip
BAD = [
    *[("image", value) for value in ("-1", "300", "1.5", "nan", "1e2", "٣", "²", "0x1", " 1", "+1", LONG, SCRIPT)],
    *[("mode", value) for value in ("Point", "gaussian ", "ELBO", LONG, SCRIPT)],
    *[("engine", value) for value in ("foo", "Browser", LONG, SCRIPT)],
    *[("at", value) for value in [*PAIRS, "100,0", "0,-100"]],
    *[("scale", value) for value in [*PAIRS, "0,0", "-1,1", "0,1e3"]],
    *[("layers", value) for value in ("x", "Prior", "x,y,z", LONG, SCRIPT)],
    *[("hide", value) for value in ("99,abc", "10", "-1", "1.5", "٣", "²", LONG, SCRIPT)],
    *[("points", value) for value in ("some", "ALL", LONG, SCRIPT)],
    *[("plot", value) for value in ("svg", "Canvas", LONG, SCRIPT)],
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda text: text[:24])
def test_a_value_that_cannot_be_used_gives_the_default_and_one_short_notice(name: str, value: str) -> None:
    view = read(**{name: value})
    assert view == View() and len(view.notices) == 1
    assert view.notices[0].endswith(".") and len(view.notices[0]) < 160


@pytest.mark.parametrize(("scale", "shown"), [
    ("100,100", (3.0, 3.0)), ("0.5,1e300", (0.5, 3.0)), ("1e-9,1", (1e-4, 1.0)), ("3.0001,5e-324", (3.0, 1e-4)),
])  # fmt: skip
def test_scales_of_an_old_link_are_clipped_and_that_is_said(scale: str, shown: tuple[float, float]) -> None:
    view = read(scale=scale)
    assert view.sigma == shown and len(view.notices) == 1 and "from 0.0001 to 3" in view.notices[0]
    assert read(scale="3,0.0001").notices == ()


def test_the_part_of_the_map_in_view_comes_back_and_nonsense_does_not() -> None:
    for look in ("-3,3,-2,4", "0.1,0.1001,1,1.0001", "-40,40,-50,50", "10,20,0,10"):
        view = read(look=look)
        assert view.look == tuple(map(float, look.split(","))) and not view.notices
    for look in ("1,2,3", "1,2,3,4,5", "2,1,0,1", "0,0,0,1", "0,1,nan,1", "0,inf,0,1", "0,1e-9,0,1e-9", "-1e4,1e4,0,1",
                 "500,501,0,1", "a,b,c,d", "1" * 5_000, "<script>"):  # fmt: skip
        view = read(look=look)
        assert view == View() and len(view.notices) == 1 and len(view.notices[0]) < 160


def test_the_order_of_gaps_is_of_the_page_of_the_elbo() -> None:
    def elbo(sort: str, tabs: str = "elbo") -> View:
        return read_view({"sort": sort}, count=300, classes=10, map_range=RANGE, tabs=tabs)

    for sort in ("inference", "approximation", "amortization", "evidence"):
        assert elbo(sort).sort == sort and not elbo(sort).notices
    data = (STATIC / "tabs/elbo/gaps/gap_data.mjs").read_text("utf-8")
    assert set(SORTS) == set(re.findall(r"(\w+): ", re.search(r"LAYERS = \{(.*?)\};", data)[1]))
    assert elbo("Evidence").sort is None and len(elbo("<script>").notices) == 1
    assert elbo("evidence", "latents").sort is None


def test_every_tab_that_a_page_has_can_be_named_in_a_link() -> None:
    for page, tabs in TABS.items():
        sources = [path.read_text("utf-8") for path in (STATIC / "tabs" / page).rglob("*.mjs")]
        assert set(tabs) == {name for text in sources for name in re.findall(r"^  name = '(\w+)';", text, re.MULTILINE)}
        for tab in tabs:
            view = read_view({"tab": tab}, count=300, classes=10, map_range=RANGE, tabs=page)
            assert view.tab == tab and not view.notices


def packing(letter: str, data: bytes) -> str:
    return letter + base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize("text", ["c0", "c3.9", packing("b", b"\x80"), packing("b", bytes(37) + b"\xf0"),
                                  packing("d", b"\x00\x05"), packing("d", b"\xab\x02")])  # fmt: skip
def test_a_selection_comes_back(text: str) -> None:
    view = read_view({"select": text}, count=300, classes=10, map_range=RANGE, tabs="latents")
    assert view.picked == text and not view.notices
    assert read(select=text) == View()  # of another page


@pytest.mark.parametrize("text", [
    "c10", "c", "c1.", "c²", "x", "b", "d", "b!", "c" + "1." * 1_000 + "1", "<script>", "b" + "A" * 3_000,
    packing("b", bytes(39)), packing("b", bytes(37) + b"\x01"), packing("d", b"\xac\x02"),  # more images than there are
    packing("d", b"\xff\xff\xff\xff\xff\x7f"), packing("d", b"\x80"), packing("d", b"\x7f" * 3),
])  # fmt: skip
def test_a_selection_that_cannot_be_is_one_short_notice(text: str) -> None:
    view = read_view({"select": text}, count=300, classes=10, map_range=RANGE, tabs="latents")
    assert view == View() and len(view.notices) == 1 and len(view.notices[0]) < 160


def test_bad_values_leave_good_ones_as_they_are() -> None:
    view = read(image="7", mode="?", at="0,0", scale="x", layers="prior,x", hide="2,77")
    assert view == View(7, "gaussian", (0.0, 0.0), None, ("prior",), (2,))
    assert len(view.notices) == 4


def test_the_map_is_left_by_a_little_but_not_by_far() -> None:
    assert read(at="9,-6").u == (9.0, -6.0)
    assert read(at="13,0").u is None and read(at="0,14").u is None


@pytest.mark.parametrize("wanted", [None, "", "b"])
def test_a_known_model_is_chosen_without_a_notice(wanted: str | None) -> None:
    assert choose_model(wanted, ["a", "b"]) == (wanted or "a", ())


@pytest.mark.parametrize("wanted", ["c", "A", "../a", "/etc/passwd", SCRIPT, LONG, " "])
def test_an_unknown_model_gives_the_first_and_a_notice(wanted: str) -> None:
    name, (notice,) = choose_model(wanted, ["a", "b"])
    assert name == "a" and notice.endswith(".") and len(notice) < 160
