"""What the commands share: a progress line, words for durations, and seeds."""

from __future__ import annotations

import argparse
import sys
import time


def duration(seconds: float) -> str:
    """Seconds as a person says them: 45 s, 3 min 20 s, 2 h 5 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def seed(text: str) -> int:
    """An argument of the command line that torch takes as a seed."""
    if not text.isascii() or not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 to 2^63 - 1, not {text[:30]!r}")
    return int(text)


class ProgressLine:
    """One line on standard error, rewritten in a terminal; a line every ten seconds elsewhere."""

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()
        self.shown = 0.0
        self.began = time.monotonic()

    def show_left(self, fraction: float, text: str) -> None:
        """As `show`, with the time that is left at the pace so far, as soon as there is one."""
        took = time.monotonic() - self.began
        left = f"  {duration(took * (1 - fraction) / fraction)} left" if took > 2 and fraction > 0.01 else ""
        self.show(fraction, text + left)

    def show(self, fraction: float, text: str) -> None:
        bar = "█" * round(20 * fraction)
        line = f"{bar:░<20} {100 * fraction:3.0f} %  {text}"
        if self.terminal:
            print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.shown > 10 or fraction >= 1:
            print(line, file=sys.stderr, flush=True)
            self.shown = time.monotonic()

    def close(self) -> None:
        if self.terminal:
            print(file=sys.stderr)
