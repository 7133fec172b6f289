"""How many images a second training takes in, beside a loop of the common kind.

    python -m tests.benchmarks.training_throughput [--seconds 5] [--rounds 3] [--json]

The same network (784-400-20-400-784, ReLU) learns the same MNIST images in both loops, on
the CPU, in turns within one run, each loop in a process of its own:
    ours    explorer.training.train, with the threads and precision that the command picks;
    common  the loop of the VAE in pytorch/examples: a Dataset that makes a PIL image of each
            item, ToTensor, a shuffling DataLoader, BCE + KLD, Adam at 1e-3 and `.item()` at
            each step, in float32, with the number of threads that suits it best.
Images a CPU-second divides by the processor time of all threads: beside other busy
processes it is the steadier figure.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.config import ModelConfig
from explorer.datasets import load_dataset
from explorer.models import count_parameters
from tests.benchmarks.contest import Rate, clocked, contest
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.ours import Ours

HIDDEN, LATENT = 400, 20
BATCHES = (128, 512)
TRIAL_SECONDS = 1.0
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Comparison:
    """Medians over the rounds at one batch size."""

    batch: int
    ours: Rate
    common: Rate
    ratio: float
    ratio_cpu: float
    ours_note: str
    common_note: str


class CommonVAE(nn.Module):
    """The network of pytorch/examples/vae: two heads, and pixels through a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, HIDDEN)
        self.fc21 = nn.Linear(HIDDEN, LATENT)
        self.fc22 = nn.Linear(HIDDEN, LATENT)
        self.fc3 = nn.Linear(LATENT, HIDDEN)
        self.fc4 = nn.Linear(HIDDEN, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = F.relu(self.fc1(x.view(-1, 784)))
        mean, log_variance = self.fc21(hidden), self.fc22(hidden)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mean, log_variance


class PillowDataset(torch.utils.data.Dataset):
    """Items as torchvision's MNIST makes them: array to PIL image to float tensor."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        from torchvision.transforms import ToTensor

        self.images, self.labels, self.transform = images[:, 0], labels, ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.images[index].numpy())
        return self.transform(image), int(self.labels[index])


class OursAsTheirs(Ours):
    """A run of our loop on a network of the common loop's size."""

    def __init__(self, batch: int) -> None:
        super().__init__(ModelConfig(hidden=(HIDDEN,), latent=LATENT), batch)


class Common:
    """A run of the common loop."""

    def __init__(self, batch: int) -> None:
        data = load_dataset("mnist")
        self.model = CommonVAE()
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.loader = torch.utils.data.DataLoader(
            PillowDataset(data.images, data.labels), batch_size=batch, shuffle=True
        )
        speeds = {}
        for threads in sorted({1, torch.get_num_threads()}):
            torch.set_num_threads(threads)
            self.turn(TRIAL_SECONDS / 4)
            speeds[threads] = self.turn(TRIAL_SECONDS).wall
        threads = max(speeds, key=speeds.__getitem__)
        torch.set_num_threads(threads)
        self.weights, self.note = count_parameters(self.model), f"{threads} thread{'s' * (threads > 1)} in float32"

    def turn(self, seconds: float) -> Rate:
        return clocked(lambda: self._batches(time.perf_counter() + seconds))

    def _batches(self, until: float) -> Iterator[int]:
        self.model.train()
        while True:
            for x, _ in self.loader:
                self.optimiser.zero_grad()
                pixels, mean, log_variance = self.model(x)
                bce = F.binary_cross_entropy(pixels, x.view(-1, 784), reduction="sum")
                kld = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
                loss = bce + kld
                loss.backward()
                loss.item()
                self.optimiser.step()
                yield len(x)
                if time.perf_counter() > until:
                    return


def compare(batch: int, seconds: float, rounds: int) -> Comparison:
    """Both loops at one batch size, in turns."""
    found = contest({"ours": (OursAsTheirs, (batch,)), "common": (Common, (batch,))}, seconds, rounds)
    ours, common = found["ours"], found["common"]
    return Comparison(
        batch,
        ours.rate,
        common.rate,
        ours.rate.wall / common.rate.wall,
        ours.rate.cpu / common.rate.cpu,
        ours.note,
        common.note,
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("training_throughput", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a turn")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each loop at each batch size")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    machine, threads = describe_machine(), torch.get_num_threads()
    if not args.json:
        print(f"{machine}, at most {threads} thread{'s' * (threads > 1)}")
        print(f"{args.rounds} turns of {args.seconds:g} s each, medians, images a second (a CPU-second)")
    found = []
    for batch in BATCHES:
        found.append(c := compare(batch, args.seconds, args.rounds))
        if not args.json:
            print(
                f"batch {batch:3}: ours {c.ours.wall:,.0f} ({c.ours.cpu:,.0f})  "
                f"common {c.common.wall:,.0f} ({c.common.cpu:,.0f})  "
                f"ratio {c.ratio:.2f} ({c.ratio_cpu:.2f})  "
                f"[ours: {c.ours_note}; common: {c.common_note}]"
            )
    if args.json:
        print(json.dumps({"machine": machine, "threads": threads, "results": [asdict(c) for c in found]}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
