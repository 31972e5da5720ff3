"""Text columns to typed columns, whole columns at a time, exactly as `values.convert_text` does one by one."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa

from ingestion.formats.values import (
    INTEGER,
    NUMBER,
    OFFSET,
    TIMESTAMP,
    ValueRejectedError,
    convert_text,
    parse_timestamp,
)

_TRIMMED = " \t\r\n"
# chrono alone would take unpadded digits, signs and leap seconds: the expression decides, chrono computes
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_UTC_SECONDS = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"


def to_arrow(frame: pl.DataFrame) -> pa.Table:
    """Return the frame as plain Arrow (no string views), which Parquet writers and Iceberg take."""
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def _only(texts: pl.Series, pattern: str) -> pl.Series:
    """Null every text that the whole pattern does not match."""
    fits = texts.str.contains(pattern)
    return texts.to_frame("t").select(pl.when(fits).then(pl.col("t"))).to_series()


def _ascii(pattern: str) -> str:
    """Anchor a pattern; Rust's digit class is Unicode, ours is not."""
    return "^(?:" + pattern.replace(r"\d", "[0-9]") + ")$"


def _slow_cells(texts: pl.Series, typed: pl.Series, convert: Callable[[str], Any]) -> pl.Series:
    """Convert by hand what the vector path left null; each distinct text once."""
    missed = texts.to_frame("t").filter(typed.is_null() & texts.is_not_null()).to_series().unique()
    if missed.is_empty():
        return typed
    found: dict[str, Any] = {}
    for text in missed:
        try:
            found[text] = convert(text)
        except ValueRejectedError:
            continue
    if not found:
        return typed
    filled = texts.replace_strict(
        pl.Series(list(found)), pl.Series(list(found.values()), dtype=typed.dtype), default=None
    )
    return typed.fill_null(filled) if typed.null_count() < len(typed) else filled


def _timestamps(texts: pl.Series, type_: pa.DataType) -> pl.Series:
    zone = "UTC" if type_.tz is not None else None
    dtype = pl.Datetime("us", zone)
    typed = pl.Series(texts.name, [None] * len(texts), dtype=dtype)
    if zone is not None:
        typed = _only(texts, _UTC_SECONDS).str.to_datetime(
            "%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC", strict=False
        )
    return _slow_cells(texts, typed, lambda text: parse_timestamp(text, with_zone=zone is not None))


def parse_moments(texts: pl.Series, type_: pa.DataType) -> pl.Series:
    """Return dates or timestamps of RFC 3339 texts; null where the text is not one."""
    if pa.types.is_date32(type_):
        return _only(texts, _DATE).str.to_date("%Y-%m-%d", strict=False)
    return _timestamps(texts, type_)


def parse_texts(texts: pl.Series, type_: pa.DataType) -> pl.Series:
    """Return a text column as `type_`; a text that does not fit becomes null, so the caller compares nulls."""
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return texts
    trimmed = texts.str.strip_chars(_TRIMMED)
    if pa.types.is_boolean(type_):
        lowered = trimmed.str.to_lowercase()
        return lowered.replace_strict(
            pl.Series(["true", "false"]), pl.Series([True, False]), default=None
        )
    if pa.types.is_signed_integer(type_):
        whole = _only(trimmed, _ascii(INTEGER)).str.strip_prefix("+")
        return whole.cast(pl.Int64, strict=False).cast(_integer(type_), strict=False)
    if pa.types.is_floating(type_):
        number = _only(trimmed, _ascii(NUMBER)).cast(pl.Float64, strict=False)
        return finite_floats(number, type_)
    if pa.types.is_date32(type_) or pa.types.is_timestamp(type_):
        return parse_moments(trimmed, type_)
    return _slow_column(texts, type_)


def _integer(type_: pa.DataType) -> Any:
    return {8: pl.Int8, 16: pl.Int16, 32: pl.Int32, 64: pl.Int64}[type_.bit_width]


def finite_floats(numbers: pl.Series, type_: pa.DataType) -> pl.Series:
    """Return the numbers in the width of `type_`, null where one is infinite there."""
    sized = numbers.cast(pl.Float64 if type_.bit_width == 64 else pl.Float32)  # noqa: PLR2004
    return (
        sized.to_frame("n").select(pl.when(pl.col("n").is_finite()).then(pl.col("n"))).to_series()
    )


def _slow_column(texts: pl.Series, type_: pa.DataType) -> pl.Series:
    """Decimals and binaries: by hand, each distinct text once."""
    values: dict[str, Any] = {}
    for text in texts.drop_nulls().unique():
        try:
            values[text] = convert_text(text, type_)
        except ValueRejectedError:
            values[text] = None
    column = pa.array(
        [values.get(text) if text is not None else None for text in texts], type=type_
    )
    return pl.Series(texts.name, pl.from_arrow(column))


def looks_like(texts: pl.Series, *, pattern: str) -> bool:
    """Tell whether every text that is not null matches the whole pattern."""
    return bool(texts.drop_nulls().str.strip_chars(_TRIMMED).str.contains(_ascii(pattern)).all())


def infer_text_type(texts: pl.Series) -> pa.DataType:
    """Return the narrowest type that every text fits; codes with leading zeros stay text."""
    filled = texts.drop_nulls()
    candidates: list[tuple[str, pa.DataType]] = [
        ("(?i:true|false)", pa.bool_()),
        (r"-?(?:0|[1-9]\d{0,17})", pa.int64()),
        (r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", pa.float64()),
        (r"\d{4}-\d\d-\d\d", pa.date32()),
        (TIMESTAMP + OFFSET, pa.timestamp("us", tz="UTC")),
        (TIMESTAMP, pa.timestamp("us")),
    ]
    for pattern, type_ in candidates:
        fits = not filled.is_empty() and looks_like(filled, pattern=pattern)
        if fits and parse_texts(filled, type_).null_count() == 0:
            return type_
    return pa.string()
