"""Fair shares of what many people put things into: a queue, or a store.

One person's share shrinks as it fills up, so that there is still room for everybody's first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """Bounds of a queue or a store.

    Attributes:
        of_one: things of one person at once; of_network: of all who come from one client network, such as a class
            behind one address; of_all: of everybody.
    """

    of_one: int
    of_network: int
    of_all: int

    def full(self, person: str, network: str, there: Iterable[tuple[str, str]]) -> str:
        """The share that has no room for one thing more: "one", "network" or "all"; "" where there is room.

        The n-th thing of a person finds room only while the network's things, and everybody's, take less than an
        n-th of what there may be. People who cannot be told apart are one person in each network.

        Args:
            there: person and network of each thing that is there.
        """
        mine = here = total = 0
        for other, place in there:
            total += 1
            here += place == network
            mine += other == person and bool(person or place == network)
        if mine >= self.of_one:
            return "one"
        if (mine + 1) * here >= self.of_network:
            return "network"
        return "all" if (mine + 1) * total >= self.of_all else ""
