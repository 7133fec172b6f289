"""Training beside pythae's trainer, and how far our loop is from the arithmetic floor.

    pip install pythae          (0.1.2 was measured; it is not among the requirements)
    python -m tests.benchmarks.against_pythae [--seconds 6] [--rounds 3] [--batch 128] [--json]

The same networks (784-400-20 and back; two convolutions of 32 and 64 channels and a dense layer
of 256, 20 latent dimensions) learn the same MNIST images in both, on the CPU, in turns within
one run, each loop in a process of its own with the number of threads that suits it best. pythae
runs its own `BaseTrainer.train_step` with its VAE, binary cross-entropy and Adam, in float32, on
the images as one float tensor; ours makes its pixels binary anew at every step. The floor is
explained in tests/benchmarks/floor.py.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.datasets import load_dataset
from explorer.models import build, count_parameters
from tests.benchmarks.contest import Rate, clocked, contest
from tests.benchmarks.floor import floor_rate
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.ours import Ours

MODELS = {
    "mlp": ModelConfig(hidden=(400,), latent=20),
    "conv": ModelConfig(network="conv", hidden=(32, 64, 256), latent=20),
}
TARGETS = {"mlp": 2.0, "conv": 1.8}
CPU = torch.device("cpu")


class OursWithFloor(Ours):
    """A run of our loop, and the floor of its arithmetic."""

    def __init__(self, kind: str, batch: int) -> None:
        super().__init__(MODELS[kind], batch)
        self.note += f"; floor {floor_rate(MODELS[kind], batch, self.speed):,.0f} images/s"


class Pythae:
    """Epochs of pythae's trainer over part of the images."""

    def __init__(self, kind: str, batch: int) -> None:
        import logging
        import os

        os.environ["TQDM_DISABLE"] = "1"
        from pythae.data.datasets import BaseDataset
        from pythae.models import VAE, VAEConfig
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        logging.disable(logging.INFO)
        parts = self._parts(kind)
        model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce"), *parts)
        pixels = load_dataset("mnist").images.float() / 255
        self.weights = count_parameters(model)
        self.count = 8_192 if kind == "conv" else 16_384
        config = BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=batch,
            num_epochs=1,
            learning_rate=1e-3,
            optimizer_cls="Adam",
            no_cuda=True,
        )
        data = BaseDataset(pixels[: self.count], torch.ones(self.count))
        self.trainer = BaseTrainer(model=model, train_dataset=data, training_config=config)
        self.trainer.prepare_training()
        speeds = {}
        for threads in sorted({1, torch.get_num_threads()}):
            torch.set_num_threads(threads)
            speeds[threads] = self.turn(1.0).wall
        threads = max(speeds, key=speeds.__getitem__)
        torch.set_num_threads(threads)
        self.note = f"{threads} thread{'s' * (threads > 1)} in float32"

    @staticmethod
    def _parts(kind: str) -> tuple[nn.Module, nn.Module]:
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder

        ours = build(MODELS[kind], seed=0)

        class Encoder(BaseEncoder):
            def __init__(self) -> None:
                super().__init__()
                self.network = ours.encoder.network

            def forward(self, x: Tensor) -> ModelOutput:
                mean, log_variance = self.network(x).chunk(2, dim=-1)
                return ModelOutput(embedding=mean, log_covariance=log_variance)

        class Decoder(BaseDecoder):
            def __init__(self) -> None:
                super().__init__()
                self.network = ours.decoder.network

            def forward(self, z: Tensor) -> ModelOutput:
                return ModelOutput(reconstruction=torch.sigmoid(self.network(z)))

        return Encoder(), Decoder()

    def turn(self, seconds: float) -> Rate:
        def batches() -> Iterator[int]:
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                self.trainer.train_step(1)
                yield self.count

        return clocked(batches)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("against_pythae", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a turn")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each loop")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    results = {}
    for kind in MODELS:
        found = contest(
            {"ours": (OursWithFloor, (kind, args.batch)), "pythae": (Pythae, (kind, args.batch))},
            args.seconds,
            args.rounds,
        )
        ours, theirs = found["ours"], found["pythae"]
        floor = float(ours.note.rpartition("floor ")[2].partition(" ")[0].replace(",", ""))
        results[kind] = {
            "ours": ours.rate.wall,
            "pythae": theirs.rate.wall,
            "ratio": ours.rate.wall / theirs.rate.wall,
            "ratio_cpu": ours.rate.cpu / theirs.rate.cpu,
            "target": TARGETS[kind],
            "floor": floor,
            "share_of_floor": ours.rate.wall / floor,
            "ours_note": ours.note,
            "pythae_note": theirs.note,
        }
    if args.json:
        print(json.dumps({"machine": describe_machine(), "batch": args.batch, "results": results}))
        return 0
    print(describe_machine())
    print(f"batch {args.batch}, {args.rounds} turns of {args.seconds:g} s each, medians, images a second")
    for kind, r in results.items():
        print(
            f"  {kind:<5} ours {r['ours']:,.0f}   pythae {r['pythae']:,.0f}   ratio {r['ratio']:.2f} "
            f"(processor time {r['ratio_cpu']:.2f}; target {r['target']})   [{r['ours_note']}; {r['pythae_note']}]"
        )
        print(
            f"        {100 * r['share_of_floor']:.0f} % of the arithmetic floor: each layer's forward product and its "
            f"two gradients alone, in the same precision and threads, would pass {r['floor']:,.0f} images a second"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
