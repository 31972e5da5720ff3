"""Reading one environment: each value has a type and bounds, and what is wrong is told by its name."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

MIN_SECRET_LENGTH = 32


class SettingsError(SystemExit):
    """A setting is missing or wrong; the message names it and says what it must be."""

    def __init__(self, name: str, must: str) -> None:
        super().__init__(f"setting `{name}` {must}")
        self.name = name


class Reader:
    """Reads one environment; each method raises SettingsError with the variable's name."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def text(self, name: str, default: str | None = None) -> str:
        value = self.environ.get(name, "").strip() or default
        if value is None:
            raise SettingsError(name, "is missing: set it in the environment (see docs/reference)")
        return value

    def optional(self, name: str) -> str | None:
        return self.environ.get(name, "").strip() or None

    def path(self, name: str) -> Path | None:
        value = self.optional(name)
        return None if value is None else Path(value)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise SettingsError(name, f"must be one of {', '.join(choices)}, not `{value}`")
        return value

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        raw = self.text(name, str(default))
        if not raw.isdecimal() or not low <= int(raw) <= high:
            raise SettingsError(name, f"must be a whole number from {low} to {high}, not `{raw}`")
        return int(raw)

    def flag(self, name: str, *, default: bool) -> bool:
        return self.choice(name, ("0", "1"), "1" if default else "0") == "1"

    def url(self, name: str, schemes: tuple[str, ...], default: str | None = None) -> SplitResult:
        parts = urlsplit(self.text(name, default))
        if parts.scheme not in schemes or not parts.netloc:
            # The value is not repeated: a URL may carry a password.
            raise SettingsError(
                name, f"must be a URL with scheme {' or '.join(schemes)} and a host"
            )
        return parts

    def secret(self, name: str) -> str:
        value = self.text(name)
        if len(value) < MIN_SECRET_LENGTH:
            raise SettingsError(name, f"must have at least {MIN_SECRET_LENGTH} characters")
        return value
