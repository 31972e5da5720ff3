"""What can go wrong with a pipeline, one class a failure."""

from core.errors import ConflictError, InvalidInputError, UnprocessableError


class InvalidPipelineError(InvalidInputError):
    """The declaration of a pipeline is wrong; `pointer` says where."""

    code = "invalid-pipeline"


class PipelineBusyError(ConflictError):
    """A run of the pipeline is queued or running; there is one at a time."""

    code = "pipeline-busy"


class PipelineDisabledError(UnprocessableError):
    """The pipeline is switched off."""

    code = "pipeline-disabled"
