"""Reading and writing table files with the service's own credentials."""

import os
from functools import lru_cache

from django.conf import settings
from pyiceberg.io.pyarrow import PyArrowFileIO


def s3_properties() -> dict[str, str]:
    """The Iceberg `s3.*` properties of the configured object store. They hold a secret: never log them."""
    s3 = settings.LAKEWARDEN.s3
    pairs = {
        "s3.endpoint": s3.endpoint_url,
        "s3.access-key-id": s3.access_key_id,
        "s3.secret-access-key": s3.secret_access_key,
        "s3.region": s3.region,
        "s3.connect-timeout": "5",
        "s3.request-timeout": "60",
    }
    return {key: value for key, value in pairs.items() if value}


def file_io() -> PyArrowFileIO:
    """The FileIO for every table's files, one a process: a client made before a fork does not survive it."""
    return _file_io_of(os.getpid())


@lru_cache(maxsize=1)
def _file_io_of(process_id: int) -> PyArrowFileIO:
    del process_id
    return PyArrowFileIO(s3_properties())
