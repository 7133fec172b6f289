"""The latents' modules against their twins in Python and against closed forms; no server, no model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from playwright.sync_api import Page

from explorer.projection import Local, ProjectionError, axes_plane, explained_by, images_plane

GENERATOR = torch.Generator().manual_seed(0)
CODES = torch.randn(400, 5, generator=GENERATOR)
PLACES = CODES[:, :2] + 0.3 * CODES[:, 2:4].square()
RANDOM = np.random.default_rng(0)
# Between places, far outside, and on a place.
AT = torch.tensor([[0.0, 0.0], [0.7, -1.2], [9.0, 9.0], *PLACES[:2].tolist()])


@pytest.mark.parametrize("ruler", [None, torch.randn(5, 5, generator=GENERATOR)], ids=["plain", "ruler"])
def test_lifting_is_the_same_in_browser_and_python(page: Page, ruler: torch.Tensor | None) -> None:
    anchor = CODES[7]
    found = page.evaluate(
        """async ({ codes, places, at, anchor, home, ruler }) => {
          const { Local } = await import('/static/projections/local.mjs');
          const [all, there] = [codes, places].map((values) => Float32Array.from(values));
          const local = new Local(all, there, undefined, ruler && Float32Array.from(ruler));
          return {
            lifted: at.map((u) => local.lift(u)).map((found) => ({ ...found, z: [...found.z] })),
            placed: at.map((u) => local.place([...local.lift(u).z])),
            from: at.map((u) => [...local.liftFrom(u, anchor, home)]),
            home: [...local.liftFrom(home, anchor, home)],
          };
        }""",
        {
            "codes": CODES.flatten().tolist(),
            "places": PLACES.flatten().tolist(),
            "at": AT.tolist(),
            "anchor": anchor.tolist(),
            "home": PLACES[7].tolist(),
            "ruler": None if ruler is None else ruler.flatten().tolist(),
        },
    )
    local = Local(CODES, PLACES, ruler=ruler)
    lifted = local.lift(AT)
    for k, one in enumerate(found["lifted"]):
        np.testing.assert_allclose(one["z"], lifted.z[k], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(one["slopes"], lifted.slopes[k], rtol=1e-8, atol=1e-9)
        assert one["spread"] == pytest.approx(lifted.spread[k].item(), rel=1e-9)
    np.testing.assert_allclose(found["placed"], local.place(lifted.z), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["from"], local.lift_from(AT, anchor, PLACES[7]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["home"], anchor, rtol=1e-12)  # the image itself, where it lies


def test_planes_are_the_same_in_browser_and_python(page: Page) -> None:
    found = page.evaluate(
        """async ({ codes, three }) => {
          const { axesPlane, imagesPlane, explainedBy } = await import('/static/projections/linear.mjs');
          const all = Float32Array.from(codes);
          const planes = [axesPlane(5, 3, 1), imagesPlane(three)];
          return planes.map((plane) => ({ basis: plane.basis, explained: explainedBy(plane, all) }));
        }""",
        {"codes": CODES.flatten().tolist(), "three": CODES[:3].tolist()},
    )
    for one, plane in zip(found, (axes_plane(CODES, 3, 1), images_plane(CODES, CODES[:3])), strict=True):
        np.testing.assert_allclose(one["basis"], plane.basis, atol=1e-12)
        assert one["explained"] == pytest.approx(explained_by(plane.basis, CODES), rel=1e-9)


@pytest.mark.parametrize(
    "three", [[[0, 0, 0], [1, 1, 0], [2, 2, 0]], [[1, 0, 0]] * 3, [[0, 0, 0], [0, 0, 0], [1, 0, 0]]]
)
def test_three_codes_on_a_line_give_no_plane(page: Page, three: list[list[float]]) -> None:
    none = page.evaluate(
        "async (three) => (await import('/static/projections/linear.mjs')).imagesPlane(three) === null", three
    )
    assert none
    with pytest.raises(ProjectionError):
        images_plane(CODES[:, :3], torch.tensor(three, dtype=torch.float32))


def test_the_magnification_of_a_known_decoder(page: Page) -> None:
    # x = (z1, z2, z1^2 / 2 + z2, sin z2) within a plane of a space of three dimensions: det G in closed form.
    found = page.evaluate(
        """async () => {
          const { magnifications } = await import('/static/tabs/latents/doubt/shading.mjs');
          const { axesPlane } = await import('/static/projections/linear.mjs');
          const engine = { evaluate: async ({ z, k }) => {
            const mean = new Float32Array(4 * k);
            for (let i = 0; i < k; i++) {
              const [a, b] = [z[3 * i], z[3 * i + 1]];
              mean.set([a, b, a * a / 2 + b, Math.sin(b)], 4 * i);
            }
            return { mean };
          } };
          const plane = axesPlane(3, 0, 1);
          const scene = { engine, plane, anchor: { x: null }, from: () => [0, 0, 0.5], idle: async () => {} };
          const { values, columns, rows, step, corner } = await magnifications(scene, [-1, 1, -1, 1], () => false);
          return { values: [...values], columns, rows, step, corner };
        }"""
    )
    for row in (0, 10, found["rows"] - 1):
        for column in (0, 20, found["columns"] - 1):
            a = found["corner"][0] + (column + 0.5) * found["step"]
            b = found["corner"][1] - (row + 0.5) * found["step"]
            jacobian = np.array([[1, 0], [0, 1], [a, 1], [0, np.cos(b)]])
            expected = np.sqrt(np.linalg.det(jacobian.T @ jacobian))
            assert found["values"][row * found["columns"] + column] == pytest.approx(expected, rel=1e-3)


def test_the_scale_of_a_magnification_is_that_of_data_and_doubt_fades_it(page: Page) -> None:
    """Whatever a decoder does where no data is: scale and paint near data stay, and nothing is painted there."""
    values, doubts = RANDOM.lognormal(size=400), np.repeat([0.0, 0.3, 0.8, 1.0], 100)
    far = doubts > 0.5
    wild = np.where(far, 1e6 * values, values)
    scales, painted = page.evaluate(
        """async ([fields, doubts]) => {
          const { scaleOf, strength } = await import('/static/tabs/latents/doubt/shading.mjs');
          const scales = fields.map((values) => scaleOf(Float64Array.from(values), doubts));
          return [scales, fields.map((values, f) => values.map((value, at) => strength(value, doubts[at], scales[f])))];
        }""",
        [[values.tolist(), wild.tolist()], doubts.tolist()],
    )
    assert (
        scales[0] == scales[1] and scales[0]["most"] == values[~far].max() and scales[0]["least"] == values[~far].min()
    )
    tame, mad = map(np.array, painted)
    np.testing.assert_array_equal(tame[~far], mad[~far])
    assert mad[doubts == 1].max() == 0 and mad[far].max() <= 0.2 + 1e-9 and tame[doubts == 0].max() == 1
    # Where nothing in view is near data, what there is makes the scale.
    alone = page.evaluate(
        "async () => (await import('/static/tabs/latents/doubt/shading.mjs')).scaleOf([1, 2, 50], [1, 1, 1])"
    )
    assert alone["least"] == 1 and alone["most"] == 50


def test_codes_that_are_all_the_same_have_no_variance_in_any_plane(page: Page) -> None:
    shares = page.evaluate(
        """async (code) => {
          const { axesPlane, explainedBy } = await import('/static/projections/linear.mjs');
          const codes = Float32Array.from(Array(999).fill(code).flat());
          return [[0, 1], [2, 3]].map(([i, j]) => explainedBy(axesPlane(4, i, j), codes));
        }""",
        [0.1, -0.7, 1.3, 0.33],
    )
    assert shares == [0, 0]


def test_the_magnification_of_a_line_is_the_same_whichever_way_it_goes_over_the_map(page: Page) -> None:
    # x = (z, z^2), on a map where z goes to the right, upwards, or askew: |dx/du| along the line is sqrt(1 + 4 z^2).
    found = page.evaluate(
        """async () => {
          const { magnifications } = await import('/static/tabs/latents/doubt/shading.mjs');
          const bent = (z) => Float32Array.from([...z].flatMap((a) => [a, a * a]));
          const engine = { evaluate: async ({ z, k }) => ({ mean: bent(z.subarray(0, k)) }) };
          return Promise.all([[1, 0], [0, 1], [0.6, 0.8]].map(async (way) => {
            const plane = { dimensions: 1, lift: ([x, y]) => [x * way[0] + y * way[1]] };
            const scene = { engine, plane, anchor: { x: null }, from: () => [0], idle: async () => {} };
            const { values, step, corner, columns } = await magnifications(scene, [-1, 1, -1, 1], () => false);
            return { values: [...values], step, corner, columns, way };
          }));
        }"""
    )
    for one in found:
        for row, column in ((0, 0), (10, 30), (43, 21)):
            x = one["corner"][0] + (column + 0.5) * one["step"]
            y = one["corner"][1] - (row + 0.5) * one["step"]
            z = x * one["way"][0] + y * one["way"][1]
            assert one["values"][row * one["columns"] + column] == pytest.approx((1 + 4 * z**2) ** 0.5, rel=1e-3)


def test_trust_is_the_distance_to_the_data_and_the_round_trip(page: Page) -> None:
    found = page.evaluate(
        """async ({ codes, places, at }) => {
          const { Trust, doubts, emptiness, roundTrip } = await import('/static/tabs/latents/doubt/trust.mjs');
          const { Curved } = await import('/static/projections/curved.mjs');
          const { Plane } = await import('/static/maths/gaussian.mjs');
          const doubt = (...parts) => Math.max(...Object.values(doubts(...parts)));
          const all = Float32Array.from(codes);
          const curved = new Curved('umap', all, Float32Array.from(places));
          const flat = new Plane([[1, 0], [0, 1]]);
          const trust = await Trust.of(all, 5);
          const probes = places.slice(0, 40).map((_, k) => trust.nearest([0.2 * k, 0, 0, 0, 0]));
          await trust.know(curved);
          const { z: lifted, spread } = curved.local.lift(at);
          const z = [...lifted];
          const beside = (by) => z.map((value, i) => value + (i === 3) * by * spread);
          const strays = [0, 1, 2.5].map((by) => curved.stray(at, beside(by)));
          return {
            strays, away: strays.map((stray) => doubts(0, 0, 0, stray).stray),
            z, probes, typical: trust.typical, nearest: trust.nearest(z),
            trip: roundTrip(curved, at, z), flat: roundTrip(flat, at, z),
            far: trust.far, doubts: [0, 0.5, 1].map((far) => doubt(far, 0, 0)),
            trips: [0, 1, 5].map((trip) => doubt(0, trip, 0)),
            empty: [[...places.slice(0, 2)], [60, 60]].map((u) => doubt(0, 0, emptiness(curved, u))),
            same: (await Trust.of(new Float32Array(50), 5)).nearest([0, 0, 0, 0, 0]),
          };
        }""",
        {"codes": CODES.flatten().tolist(), "places": PLACES.flatten().tolist(), "at": [0.7, -1.2]},
    )
    distances = torch.cdist(CODES.double(), CODES.double())
    apart = distances.fill_diagonal_(torch.inf).min(1).values.sort().values
    usual = apart[200].item()
    assert found["typical"] == pytest.approx(usual, rel=1e-6)
    # No doubt as far as 95 of 100 images lie from the nearest other one; half a doubt where 99 of 100 are nearer.
    sure, rare = apart[380].item(), apart[396].item()
    assert found["far"] == [pytest.approx(sure, rel=1e-6), pytest.approx(2 * rare - sure, rel=1e-6)]
    for probe in found["probes"]:
        assert (probe["far"] == 0) == (probe["distance"] <= sure) and (probe["far"] > 0.5) == (probe["distance"] > rare)
    assert {probe["far"] for probe in found["probes"]} >= {0, 1}
    z = torch.tensor(found["z"], dtype=torch.float64)
    nearest = (CODES.double() - z).norm(dim=1).min().item()
    assert found["nearest"] == {
        "distance": pytest.approx(nearest),
        "times": pytest.approx(nearest / usual),
        "far": pytest.approx(min(max((nearest - sure) / (2 * (rare - sure)), 0), 1)),
    }
    back = Local(CODES, PLACES).place(z)[0]
    assert found["trip"] == pytest.approx((back - torch.tensor([0.7, -1.2])).norm().item(), rel=1e-6)
    assert found["empty"] == [0, 1] and found["flat"] == 0 and found["same"] == {"distance": 0, "times": 0, "far": 0}
    assert found["doubts"] == [0, 0.5, 1]
    assert found["strays"] == [0, pytest.approx(1), pytest.approx(2.5)]
    assert found["away"] == [0, 0, pytest.approx(0.5)]
    assert found["trips"] == sorted(found["trips"]) and found["trips"][-1] == 1


def test_statistics_are_means_and_differences_in_deviations(page: Page) -> None:
    generator = np.random.default_rng(0)
    values, mask = generator.normal(size=200), generator.random(200) < 0.3
    values[:3] = np.nan
    found = page.evaluate(
        """async ({ values, mask }) => {
          const { compare } = await import('/static/tabs/latents/statistics.mjs');
          const { base64, packBits } = await import('/static/core/packing.mjs');
          return [compare(values.map((value) => value ?? NaN), mask), base64(packBits(Uint8Array.from(mask)))];
        }""",
        {"values": [None if np.isnan(value) else value for value in values], "mask": mask.astype(int).tolist()},
    )
    known = ~np.isnan(values)
    own, rest = values[known & mask], values[known & ~mask]
    assert found[0]["own"] == {"count": len(own), "mean": pytest.approx(own.mean())}
    assert found[0]["rest"]["mean"] == pytest.approx(rest.mean())
    assert found[0]["difference"] == pytest.approx((own.mean() - rest.mean()) / np.nanstd(values))
    import base64

    assert np.array_equal(np.unpackbits(np.frombuffer(base64.b64decode(found[1]), np.uint8))[:200], mask)


def test_a_colour_scale_has_room_for_what_is_not_known(page: Page) -> None:
    low, high, scale = page.evaluate(
        """async () => {
          const { bounds, scaleOf } = await import('/static/tabs/latents/columns/colouring.mjs');
          const [low, high] = bounds(Float32Array.from([NaN, 1, 2, 3, 1e9, ...Array(500).fill(2)]));
          return [low, high, scaleOf(low, high, ['#000', '#fff'], false)];
        }"""
    )
    assert 1 <= low < high <= 3  # one wild value does not flatten the rest
    assert scale["cmin"] < low and scale["cmax"] == high
    shares = [share for share, _ in scale["colorscale"]]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == pytest.approx(1)
    grey = scale["colorscale"][1][0]
    assert scale["cmin"] + grey * (scale["cmax"] - scale["cmin"]) == pytest.approx(low)


def test_points_of_which_nothing_is_known_can_be_seen_where_there_are_few(page: Page) -> None:
    few, many = page.evaluate(
        """async () => {
          const { lookOf } = await import('/static/plot/looks.mjs');
          return [100, 10_000].map((count) => {
            const column = { values: Float32Array.of(0, 1), unknown: Uint8Array.of(0, 1), scale: () => null };
            const { opacity, size } = lookOf({ manifest: { count }, column, members: [[0, 1]] }, 0, false);
            return [...opacity, ...size];
          });
        }"""
    )
    assert few[1] == 0.5 and few[3] >= 5  # grey, and no smaller than others are
    assert many[1] < 0.2 and many[3] < many[2]  # in the background


def test_a_name_stands_above_its_points_where_they_are_few(page: Page) -> None:
    few, many = page.evaluate(
        """async () => {
          const { SIZE, nameLabels } = await import('/static/plot/labels.mjs');
          const names = [{ text: 'disc', centre: [1, 2] }];
          return [12, 10_000].map((count) => nameLabels(names, 100, count)[0].shift / SIZE);
        }"""
    )
    assert few > 1 and many == 0
