"""The models of `processing`, one noun a file."""

from processing.models.pipeline import Pipeline, PipelineKind
from processing.models.run import PipelineRun, RunState

__all__ = ["Pipeline", "PipelineKind", "PipelineRun", "RunState"]
