"""Names in paths. A client writes `s3://bucket` as `s3%3A%2F%2Fbucket`, and the WSGI server hands us `s3://bucket`.

So a path does not say which of its slashes are part of a name. Reading takes each way to cut it that names something;
writing takes the first cut. A name that holds `/datasets/` is found, but cannot be made by a `PUT`.
"""

from catalog.lineage.events import Name


class NameConverter:
    """A name in a path, with slashes, as short as the rest of the path allows."""

    regex = ".+?"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


def ways_to_cut(namespace: str, name: str, *, separator: str) -> list[Name]:
    """What `NAMESPACE/separator/NAME` may mean, the given cut first."""
    text = f"{namespace}/{separator}/{name}"
    mark = f"/{separator}/"
    cuts = []
    at = text.find(mark)
    while at >= 0:
        left, right = text[:at], text[at + len(mark) :]
        if left and right:
            cuts.append(Name(left, right))
        at = text.find(mark, at + 1)
    return cuts
