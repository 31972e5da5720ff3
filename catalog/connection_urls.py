"""Connection URLs without what must not be kept: a plain function of the text."""

import re

# `user:password@` before a host; a URL such as `abfss://container@account` has no password there.
USER_INFO = re.compile(r"(?P<slashes>//)(?P<who>[^/?#]*)@")
CONTAINER_SCHEMES = ("abfs:", "abfss:", "wasb:", "wasbs:")
ORACLE_USER = re.compile(r"^(jdbc:oracle:\w+:)[^@]*@", re.IGNORECASE)
SECRET_PARAMETER = re.compile(
    r"(?P<before>[?&;])[^=&;?]*"
    r"(?:pass|pwd|secret|token|key|credential|signature|\bsig\b|user|\buid\b|auth)"
    r"[^=&;?]*=[^&;]*",
    re.IGNORECASE,
)
DOUBLED = re.compile(r"(?P<first>[?&;])[&;]+")


def without_credentials(url: str) -> str:
    """`url` without user names, passwords, tokens and keys, in its authority or its parameters."""
    is_container = url.lower().startswith(CONTAINER_SCHEMES)

    def strip(match: re.Match[str]) -> str:
        keep = is_container and ":" not in match["who"]
        return match[0] if keep else match["slashes"]

    bare = USER_INFO.sub(strip, ORACLE_USER.sub(r"\1@", url))
    bare = SECRET_PARAMETER.sub(r"\g<before>", bare)
    return DOUBLED.sub(r"\g<first>", bare).rstrip("?&;")


def may_hold_credentials(url: str) -> bool:
    """Whether `url`, which `without_credentials` gave, still has something like `user:password@`, say with a slash in the password."""
    return re.search(r":.*@", url.partition("//")[2]) is not None
