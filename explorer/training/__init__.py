"""Training: the loop, its schedule, and how a run is kept on disk."""

from .cadence import Cadence
from .loop import Progress, RunState, TrainingDiverged, start, train
from .metrics import METRICS_FILE, MetricsError
from .run import Run
from .state import STATE_FILE
from .thrift import Thrift
from .tuning import Speed, choose_speed

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
