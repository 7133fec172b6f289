"""Training: the loop, its schedule, and how a run is kept on disk."""

from .loop import Progress, RunState, TrainingDiverged, start, train
from .metrics import METRICS_FILE, MetricsError
from .reporting import Cadence, Thrift
from .run import Run
from .speed import Speed, choose_speed
from .state import STATE_FILE

__all__ = [
    "METRICS_FILE",
    "STATE_FILE",
    "Cadence",
    "MetricsError",
    "Progress",
    "Run",
    "RunState",
    "Speed",
    "Thrift",
    "TrainingDiverged",
    "choose_speed",
    "start",
    "train",
]
