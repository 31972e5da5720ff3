"""The second factor: an authenticator app (RFC 6238, SHA-1, six digits, 30 seconds) and recovery codes.

How often somebody may try is for the caller to limit.
"""

import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp
from django.conf import settings
from django.db import transaction

from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, PermissionDeniedError
from core.sealing import seal, unseal
from identity.models import RecoveryCode, SecondFactor, User
from identity.services.sessions import end_sessions

STEP_SECONDS = 30
# A phone's clock may be half a minute off, either way (RFC 6238 §5.2).
TOLERATED_STEPS = (0, -1, 1)
RECOVERY_CODES = 10
ISSUER = "Lakewarden"
SEALED_FOR = "second-factor"
_WRONG = "the code is wrong or was used already"


def new_secret() -> str:
    """A secret for an app: 160 random bits in Base32."""
    return pyotp.random_base32()


def provisioning_uri(user: User, secret: str) -> str:
    """The `otpauth:` URI that an app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=ISSUER)


def has_second_factor(user: User) -> bool:
    """Whether signing in as this user takes a code."""
    return SecondFactor.objects.filter(user=user.pk).exists()


@transaction.atomic
def enrol(user: User, *, secret: str, code: str, now: datetime | None = None) -> list[str]:
    """Make the app of `secret` the user's second factor, once it has shown that it works; returns the recovery codes.

    Ends every session of the user: those were had by a password alone. Raises ConflictError where there is a
    second factor already, InvalidInputError for a wrong code.
    """
    if user.is_service:
        raise InvalidInputError("a service account signs in by token only")
    if SecondFactor.objects.select_for_update().filter(user=user).exists():
        raise ConflictError("there is a second factor already")
    step = _step_of(secret, code, now or utc_now())
    if step is None:
        raise InvalidInputError(_WRONG)
    factor = SecondFactor.objects.create(
        user=user, secret=seal(secret, use=SEALED_FOR), last_step=step
    )
    end_sessions(user)
    _record(user, "enrol")
    return _make_codes(factor)


@transaction.atomic
def is_right_code(user: User, code: str, *, now: datetime | None = None) -> bool:
    """Whether `code` is the app's, or a recovery code. Each is right once only, in whichever process it is tried."""
    factor = SecondFactor.objects.select_for_update().filter(user=user).first()
    if factor is None:
        return False
    given = code.replace(" ", "").replace("-", "").lower()
    if given.isascii() and given.isdecimal():
        return _use_step(factor, given, now or utc_now())
    used, _ = factor.recovery_codes.filter(digest=_digest(user, given)).delete()
    if used:
        _record(user, "recovery-code")
    return bool(used)


@transaction.atomic
def renew_codes(user: User, *, code: str) -> list[str]:
    """New recovery codes in place of the old ones. Raises InvalidInputError for a wrong code."""
    _require_code(user, code)
    factor = SecondFactor.objects.get(user=user)
    factor.recovery_codes.all().delete()
    _record(user, "renew-codes")
    return _make_codes(factor)


@transaction.atomic
def remove(user: User, *, code: str) -> None:
    """Go back to the password alone. Raises InvalidInputError for a wrong code, PermissionDeniedError where it must stay."""
    if user.is_staff and settings.LAKEWARDEN.staff_second_factor:
        raise PermissionDeniedError("staff need a second factor here")
    _require_code(user, code)
    SecondFactor.objects.filter(user=user).delete()
    _record(user, "remove")


@transaction.atomic
def reset(user: User, *, actor: str) -> None:
    """Take a lost second factor away, and end every session. Who may do so is for the caller to decide."""
    deleted, _ = SecondFactor.objects.filter(user=user).delete()
    if deleted:
        end_sessions(user)
        _record(user, "reset", actor=actor)


def _require_code(user: User, code: str) -> None:
    if not is_right_code(user, code):
        raise InvalidInputError(_WRONG)


def _use_step(factor: SecondFactor, code: str, now: datetime) -> bool:
    step = _step_of(_unseal(bytes(factor.secret)), code, now)
    if step is None or step <= factor.last_step:
        return False
    factor.last_step = step
    factor.save(update_fields=["last_step"])
    return True


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, or None. Every one is compared, so that time tells nothing."""
    app = pyotp.TOTP(secret)
    current = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in (current + offset for offset in TOLERATED_STEPS):
        if hmac.compare_digest(app.at(step * STEP_SECONDS), code) and found is None:
            found = step
    return found


def _make_codes(factor: SecondFactor) -> list[str]:
    codes = [secrets.token_hex(5) for _ in range(RECOVERY_CODES)]
    # A code of digits alone would be taken for the app's.
    codes = [f"r{code}" for code in codes]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(factor=factor, digest=_digest(factor.user, code)) for code in codes
    )
    return codes


def _digest(user: User, code: str) -> bytes:
    """Forty random bits are few, so the digest needs our key as well as the code."""
    key = hashlib.sha256(b"recovery-code:" + settings.SECRET_KEY.encode()).digest()
    return hmac.digest(key, f"{user.pk}:{code}".encode(), "sha256")


def _unseal(sealed: bytes) -> str:
    """The secret; one that another key sealed opens nothing, since no code fits a random one."""
    return unseal(sealed, use=SEALED_FOR) or new_secret()


def _record(user: User, verb: str, *, actor: str | None = None) -> None:
    audit.record(
        actor=actor or user.username,
        action=f"second-factor.{verb}",
        resource=f"user:{user.username}",
    )
