"""Every format by its name."""

from typing import Final

from core.errors import InvalidInputError
from ingestion.formats.audio import AudioFormat
from ingestion.formats.base import ObjectFormat, TabularFormat
from ingestion.formats.delimited import CsvFormat
from ingestion.formats.image import ImageFormat
from ingestion.formats.json_document import JsonFormat
from ingestion.formats.parquet import AvroFormat, ParquetFormat
from ingestion.formats.sniff import sniff_media_type
from ingestion.formats.text import TextFormat
from ingestion.formats.xml_rows import XmlFormat

TABULAR: Final[dict[str, TabularFormat]] = {
    tabular.name: tabular
    for tabular in (JsonFormat(), CsvFormat(), XmlFormat(), ParquetFormat(), AvroFormat())
}
OBJECTS: Final[dict[str, ObjectFormat]] = {
    kind.name: kind for kind in (ImageFormat(), AudioFormat(), TextFormat())
}


class UnknownFormatError(InvalidInputError):
    """No format of this name is known."""

    code = "unknown-format"


def get_tabular(name: str) -> TabularFormat:
    """Return the tabular format `name`; raises `UnknownFormatError`."""
    if name not in TABULAR:
        raise UnknownFormatError(f"unknown format `{name}`, expected one of {sorted(TABULAR)}")
    return TABULAR[name]


def get_object_format(name: str) -> ObjectFormat:
    """Return the object format `name`; raises `UnknownFormatError`."""
    if name not in OBJECTS:
        raise UnknownFormatError(f"unknown format `{name}`, expected one of {sorted(OBJECTS)}")
    return OBJECTS[name]


def find_object_format(data: bytes) -> ObjectFormat:
    """Return the format that takes `data` by its content; raises `UnknownFormatError`."""
    media_type = sniff_media_type(data)
    for kind in OBJECTS.values():
        if media_type in kind.media_types:
            return kind
    raise UnknownFormatError(f"no object format takes `{media_type}`")
