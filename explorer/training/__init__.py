"""Training: the loop, its schedule, and how a run is kept on disk."""

from .loop import Progress, RunState, TrainingDiverged, start, train
from .run import METRICS_FILE, Run
from .tuning import Speed, choose_speed

__all__ = ["METRICS_FILE", "Progress", "Run", "RunState", "Speed", "TrainingDiverged", "choose_speed", "start", "train"]
