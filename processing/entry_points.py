"""The Python functions that a pipeline may name: what is installed under `lakewarden.pipelines`, and nothing else.

A package offers one by an entry point (Python packaging, "Entry points specification") whose value is
`module:function`; a request can only choose among them by name, never bring code.
"""

from importlib.metadata import entry_points

from processing.errors import InvalidPipelineError

GROUP = "lakewarden.pipelines"
# What comes with the product.
BUILT_IN = {"keep_latest": "processing.spark.transforms:keep_latest"}


def find_entry_point(name: str) -> str:
    """`module:function` of the entry point `name`; InvalidPipelineError if it is not installed."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    for each in entry_points(group=GROUP, name=name):
        return each.value
    raise InvalidPipelineError(
        f"no entry point `{name[:100]}` is installed under `{GROUP}`", pointer="/entry_point"
    )
