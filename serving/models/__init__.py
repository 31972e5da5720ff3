"""The models of `serving`, one noun a file."""

from serving.models.training import TrainingRun, TrainingState
from serving.models.version import ModelVersion

__all__ = ["ModelVersion", "TrainingRun", "TrainingState"]
