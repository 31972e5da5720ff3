"""No credential in what is kept of a connection URL."""

import pytest

from catalog.connection_urls import may_hold_credentials, without_credentials


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("postgresql://db:5432/orders", "postgresql://db:5432/orders"),
        ("postgresql://me:secret@db:5432/orders", "postgresql://db:5432/orders"),
        ("postgresql://me:p@ss@db/orders", "postgresql://db/orders"),
        ("postgresql://me@db/orders", "postgresql://db/orders"),
        ("jdbc:postgresql://db/o?user=me&password=x&ssl=true", "jdbc:postgresql://db/o?ssl=true"),
        ("jdbc:postgresql://db/o?ssl=true&PWD=x", "jdbc:postgresql://db/o?ssl=true"),
        ("jdbc:postgresql://db/o?password=x", "jdbc:postgresql://db/o"),
        (
            "jdbc:sqlserver://db:1433;database=o;user=sa;password=x",
            "jdbc:sqlserver://db:1433;database=o",
        ),
        ("jdbc:oracle:thin:scott/tiger@//db:1521/o", "jdbc:oracle:thin:@//db:1521/o"),
        ("snowflake://acc/db?private_key=abc&warehouse=w", "snowflake://acc/db?warehouse=w"),
        (
            "https://acc.blob.core.windows.net/c?sv=1&sig=abc",
            "https://acc.blob.core.windows.net/c?sv=1",
        ),
        ("abfss://files@acc.dfs.core.windows.net/p", "abfss://files@acc.dfs.core.windows.net/p"),
        ("kafka://broker:9092", "kafka://broker:9092"),
    ],
)
def test_what_is_kept(url, bare):
    assert without_credentials(url) == bare
    assert not may_hold_credentials(bare)


@pytest.mark.parametrize("url", ["postgresql://me:p/ss@db/o", "mysql://me:a?b@db/o"])
def test_what_cannot_be_told_apart_is_refused(url):
    assert may_hold_credentials(without_credentials(url))
