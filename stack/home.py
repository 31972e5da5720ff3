"""One folder of the user's choosing: data, logs, pids, ports, generated secrets."""

import base64
import hashlib
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from stack.account import Account, can_reach, give_to, service_account
from stack.errors import StackError
from stack.files import read_json, write_json, write_text

_NEEDED_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Home:
    """The layout of a stack's folder. `account` is the servers' account when root starts them."""

    root: Path
    account: Account | None

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def pids(self) -> Path:
        return self.root / "pids"

    @property
    def state_file(self) -> Path:
        return self.root / "state.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "supervisor.lock"

    @property
    def ports_file(self) -> Path:
        return self.root / "ports.json"

    @property
    def secrets_file(self) -> Path:
        return self.root / "secrets.json"

    @property
    def audit_key_file(self) -> Path:
        return self.root / "audit-key.pem"

    @property
    def audit_master_key_file(self) -> Path:
        """What the keys of the persons in the audit log are wrapped with."""
        return self.root / "audit-master.key"

    @property
    def work(self) -> Path:
        """The product's own working files (LAKEWARDEN_DATA_DIR)."""
        return self.root / "work"

    @property
    def data(self) -> Path:
        """The servers' data: in this folder, or in `/var/tmp` where the servers' account cannot reach it."""
        if can_reach(self.root, self.account):
            return self.root / "data"
        return Path("/var/tmp") / f"lakewarden-{self.digest}"

    @property
    def digest(self) -> str:
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:12]

    def ensure(self) -> list[str]:
        """Create what is missing; return sentences about what the user should know."""
        # Root's home folder is walked through by the servers' account; an ordinary user's is closed to others.
        mode = 0o755 if self.account else 0o700
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(mode)
            for folder in (self.logs, self.pids, self.work):
                folder.mkdir(exist_ok=True, mode=0o700)
            self.data.mkdir(exist_ok=True, mode=mode)
            self.data.chmod(mode)
        except PermissionError as error:
            raise StackError(
                f"`{error.filename}` cannot be written: choose another folder with `--home`."
            ) from error
        _check_disk(self.data)
        _ensure_secrets(self.secrets_file)
        _ensure_audit_key(self.audit_key_file)
        _ensure_audit_master_key(self.audit_master_key_file)
        if self.data.is_relative_to(self.root):
            return []
        return [
            f"The account `{self.account and self.account.name}` cannot reach {self.root}: the servers' data lie in {self.data}."
        ]

    def folder(self, service: str) -> Path:
        """Return the data folder of a service, owned by the servers' account, closed to others."""
        place = self.data / service
        place.mkdir(exist_ok=True, mode=0o700)
        give_to(place, self.account)
        return place

    def secrets(self) -> dict[str, str]:
        """Return the generated passwords and tokens."""
        found: dict[str, str] = read_json(self.secrets_file, default={})
        return found

    def remove(self) -> None:
        """Delete everything that this home holds."""
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)


def open_home(root: Path) -> Home:
    """Return the home at `root`; nothing is created yet."""
    return Home(root=root.resolve(), account=service_account())


def _check_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _NEEDED_BYTES:
        raise StackError(
            f"Only {free / 1024**3:.1f} GiB are free where {folder} lies, and the stack needs "
            f"{_NEEDED_BYTES / 1024**3:.0f} GiB: free some space, or choose another disk with `--home`."
        )


def _ensure_secrets(file: Path) -> None:
    known = read_json(file, default={})
    names = (
        "secret_key",
        "postgres_superuser",
        "postgres",
        "postgres_app",
        "valkey",
        "s3_secret_key",
        "admin_password",
        "admin_token",
    )
    fresh = {name: secrets.token_urlsafe(32) for name in names if name not in known}
    if "s3_access_key" not in known:
        fresh["s3_access_key"] = "lw" + secrets.token_hex(9)
    if "kafka_cluster_id" not in known:
        fresh["kafka_cluster_id"] = secrets.token_urlsafe(16)
    if fresh:
        write_json(file, {**known, **fresh}, mode=0o600)


def _ensure_audit_key(file: Path) -> None:
    if file.exists():
        return
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_text(file, pem.decode(), mode=0o600)


def _ensure_audit_master_key(file: Path) -> None:
    if not file.exists():
        write_text(file, base64.b64encode(secrets.token_bytes(32)).decode() + "\n", mode=0o600)
