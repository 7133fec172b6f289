"""Geodesics and the pull-back metric against decoders whose geometry is known: a plane, a sphere, a cylinder."""

from __future__ import annotations

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

import explorer
from explorer.geometry import geodesic, length, magnification, mean_decoder, pullback, spherical, straight, through
from explorer.geometry.around import around
from explorer.models import VAE
from tests.helpers.chords import fine_length


def sphere(z: Tensor) -> Tensor:
    """The plane on the unit sphere by stereographic projection: its metric is 4 / (1 + |z|^2)^2 times the identity."""
    square = z.square().sum(1, keepdim=True)
    return torch.cat([2 * z, square - 1], 1) / (square + 1)


def angle(a: Tensor, b: Tensor) -> float:
    u, v = sphere(a[None])[0], sphere(b[None])[0]
    return 2 * math.atan2((u - v).norm().item(), (u + v).norm().item())


def pairs(n: int, seed: int = 0, size: float = 1.5) -> Tensor:
    return size * torch.randn(n, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_metric_of_a_sphere_is_the_known_one() -> None:
    z = pairs(40).reshape(-1, 2)
    factor = 4 / (1 + z.square().sum(1)).square()
    torch.testing.assert_close(pullback(sphere, z), factor[:, None, None] * torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(magnification(sphere, z), factor)


def test_the_metric_of_a_model_is_autograds(model: VAE) -> None:
    decode = mean_decoder(model)
    z = torch.randn(6, model.config.latent, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = pullback(decode, z)
    for i in range(len(z)):
        slopes = torch.autograd.functional.jacobian(lambda one: decode(one[None])[0], z[i])
        torch.testing.assert_close(found[i], slopes.T @ slopes, rtol=1e-4, atol=1e-7)


def test_on_a_sphere_the_shortest_way_is_the_great_circle() -> None:
    for a, b in pairs(12):
        path = geodesic(sphere, a, b, steps=64, rest=0)
        # No way is shorter than the arc, and a polygon of 64 steps hardly longer.
        assert (1 - 1e-4) * angle(a, b) <= path.image <= (1 + 5e-3) * angle(a, b) + 1e-6
        assert fine_length(path.z, sphere) <= (1 + 1e-4) * fine_length(straight(a, b, 64), sphere)
        assert torch.equal(path.z[0], a) and torch.equal(path.z[-1], b) and len(path.z) == 64
        pace = sphere(path.z).diff(dim=0).norm(dim=1)
        assert pace.max() < 1.02 * pace.min()  # even steps
        # Every point of a great circle lies in the plane of its ends.
        normal = torch.linalg.cross(*sphere(torch.stack([a, b])))
        assert (sphere(path.z) @ (normal / normal.norm())).abs().max() < 2e-2


def test_in_a_flat_space_the_shortest_way_is_straight() -> None:
    matrix = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    a, b = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    path = geodesic(lambda z: z @ matrix.T, a, b, steps=20)
    assert path.image == pytest.approx((matrix @ (b - a)).norm().item(), rel=1e-9)
    assert path.latent == pytest.approx((b - a).norm().item(), rel=1e-6)


def test_the_way_leads_around_a_hill() -> None:
    def hill(z: Tensor) -> Tensor:
        return torch.cat([z, 6 * (-2 * z.square().sum(1, keepdim=True)).exp()], 1)

    a, b = torch.tensor([[-2.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    over = length(straight(a, b, 64), hill)  # by symmetry what is relaxed from the line stays on it
    around = geodesic(hill, a, b, 64)
    assert around.image < 0.6 * over and around.latent > 4


def test_geodesics_at_the_same_time_are_those_of_one_after_another() -> None:
    decode = mean_decoder(explorer.load("mnist-2d"))
    ends = pairs(6, seed=5)
    alone = [geodesic(decode, a, b, 12).z for a, b in ends]
    with ThreadPoolExecutor(3) as threads:
        together = [*threads.map(lambda pair: geodesic(decode, *pair, 12).z, ends)]
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_a_decoder_that_answers_everything_alike_has_ways_too() -> None:
    for d in (1, 2, 3):
        a, b = torch.randn(2, d, dtype=torch.float64, generator=torch.Generator().manual_seed(d))
        path = geodesic(lambda z: 0 * z.sum(1, keepdim=True) + 1, a, b, 10)
        assert path.image == 0 and path.z.isfinite().all() and torch.equal(path.z[-1], b)


def test_a_decoder_that_knows_no_numbers_has_the_straight_way() -> None:
    a, b = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    way = around(lambda z: torch.full((len(z), 3), torch.nan, dtype=z.dtype), a, b)
    assert torch.equal(way, torch.stack([a, b]))


def test_the_magnification_of_a_curve_is_its_speed() -> None:
    def curve(z: Tensor) -> Tensor:
        return torch.cat([z, z.square()], 1)

    z, flat = torch.tensor([[1.0]], dtype=torch.float64), torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert magnification(curve, z).item() == pytest.approx(math.sqrt(5))
    assert magnification(curve, z, flat).item() == pytest.approx(math.sqrt(5))


def test_the_magnification_within_a_plane_is_the_planes_own() -> None:
    # x = (z1, 2 z2, 3 z3): of the plane spanned by z1 and (z2 + z3) / sqrt 2, G = diag(1, (4 + 9) / 2).
    basis = torch.tensor([[1.0, 0.0], [0.0, 0.5**0.5], [0.0, 0.5**0.5]], dtype=torch.float64)
    z = torch.zeros(1, 3, dtype=torch.float64)
    scales = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    assert magnification(lambda z: z * scales, z).item() == pytest.approx(6)
    assert magnification(lambda z: z * scales, z, basis).item() == pytest.approx(math.sqrt(6.5))


def test_a_length_is_that_of_the_curve_however_few_the_steps() -> None:
    decode = mean_decoder(explorer.load("mnist-2d"))
    for a, b in pairs(5, seed=9):
        way = straight(a, b, 3_000)
        images = decode(way).double()
        true = images.diff(dim=0).norm(dim=1).sum().item()
        for steps in (9, 20, 64):
            assert length(straight(a, b, steps), decode) == pytest.approx(true, rel=5e-4)
    # Half a circle of radius 1 on the sphere, of which two chords are 10 % too short.
    circle = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    assert length(circle, sphere) == pytest.approx(math.pi, rel=1e-3)


def test_one_place_and_places_beside_each_other() -> None:
    a = torch.tensor([0.3, -0.2], dtype=torch.float64)
    same = geodesic(sphere, a, a.clone(), 8)
    assert same.image == same.latent == 0 and len(same.z) == 8
    near = geodesic(sphere, a, a + 1e-9, 8)
    assert near.z.isfinite().all() and near.image >= 0


# `geodesic` gives the line itself back where what it found is longer by its own measure, so that its own measure says
# nothing: ways are measured finely, and how often the line came back is counted.


@pytest.mark.parametrize("name", ["mnist-2d", "mnist-16d"])
def test_ways_are_shorter_than_their_straight_lines_by_a_measure_of_another_kind(name: str) -> None:
    model = explorer.load(name)
    decode, generator = mean_decoder(model), torch.Generator().manual_seed(2)
    for a, b in torch.randn(2, 2, model.config.latent, dtype=torch.float64, generator=generator):
        path = geodesic(decode, a, b, 24)
        assert not torch.equal(path.z, straight(a, b, 24))
        assert fine_length(path.z, decode) < 0.99 * fine_length(straight(a, b, 24), decode)
        assert path.image == pytest.approx(fine_length(path.z, decode), rel=3e-3)


def test_a_way_does_not_leave_for_where_the_decoder_answers_everything_alike() -> None:
    def fading(z: Tensor) -> Tensor:
        return z * (-z.square().sum(1, keepdim=True) / 2).exp()  # far out, all images are one

    a, b = torch.tensor([[2.0, 0.0], [-2.0, 0.3]], dtype=torch.float64)
    kept, free = geodesic(fading, a, b, 32), geodesic(fading, a, b, 32, rest=0)
    assert kept.latent < 0.9 * free.latent and kept.image < 0.4 * length(straight(a, b, 32), fading)


@pytest.mark.slow
def test_of_a_hundred_pairs_none_is_longer_than_its_straight_line() -> None:
    decode = mean_decoder(explorer.load("mnist-2d"))
    shorter = lines = 0
    for a, b in pairs(100, seed=1):
        path, line = geodesic(decode, a, b, 64), straight(a, b, 64)
        ratio = fine_length(path.z, decode) / fine_length(line, decode)
        assert ratio <= 1 + 1e-9
        shorter += ratio < 0.99
        lines += torch.equal(path.z, line)
    assert shorter > 50 and lines <= 5


def test_an_arc_is_the_great_circle_with_an_even_norm() -> None:
    a, b = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    way = spherical(a, b, 5).double()
    torch.testing.assert_close(way.norm(dim=1), torch.linspace(3, 1, 5, dtype=torch.float64))
    torch.testing.assert_close(
        torch.atan2(way[:, 2], way[:, 0]), torch.linspace(0, math.pi / 2, 5, dtype=torch.float64)
    )
    assert (way[:, 1] == 0).all()


@pytest.mark.parametrize(("a", "b"), [((1.0, 2.0), (2.0, 4.0)), ((0.0, 0.0), (1.0, 1.0)), ((1.0, 0.0), (-1.0, 0.0)),
                                      ((1.0, 1.0), (1.0, 1.0)), ((1.0, 0.0), (1.0, 1e-9))])  # fmt: skip
def test_arcs_that_are_none_are_lines(a: tuple[float, float], b: tuple[float, float]) -> None:
    way = spherical(torch.tensor(a), torch.tensor(b), 9)
    torch.testing.assert_close(way, straight(torch.tensor(a), torch.tensor(b), 9), rtol=0, atol=1e-6)


def test_a_way_through_several_places_meets_them_all() -> None:
    places = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    for steps in (2, 10, 64):
        way = through(places, steps)
        for place in places:
            assert (way - place).norm(dim=1).min() < 1e-6
    assert abs(len(through(places, 64)) - 64) <= 2
    assert length(through(places, 64)) == pytest.approx(places.diff(dim=0).norm(dim=1).sum().item(), rel=1e-5)
    with pytest.raises(ValueError, match="at least two"):
        through(places[:1], 5)


def test_a_way_through_a_model_loads_neither_scipy_nor_torchs_compiler() -> None:
    """Either would stay in a server's memory, the compiler with 240 MB."""
    code = (
        "import sys, torch\n"
        "from explorer.config import ModelConfig\nfrom explorer.geometry import geodesic, mean_decoder\n"
        "from explorer.models import VAE\n"
        "model = VAE(ModelConfig((1, 4, 4), 2, hidden=(8,))).eval()\n"
        "geodesic(mean_decoder(model), torch.zeros(2), torch.ones(2), 8)\n"
        "print(*{'torch._dynamo', 'sympy', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert not done.stdout.strip()
