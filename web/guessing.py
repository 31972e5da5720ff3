"""A guess that may be wrong: counted, locked and recorded, the same way wherever somebody proves who they are."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest

from core.errors import InvalidInputError, PermissionDeniedError
from identity.models import User
from identity.services.second_factor import has_second_factor, is_right_code
from identity.services.sign_ins import record_failure, record_lock_out
from web.lockout import codes_of, count_failure, forget_failures, is_locked_out

LOCKED_OUT = "too many failed attempts; try again in 15 minutes"
WRONG_CODE = "the code is wrong or was used already"
WRONG_PASSWORD = "the password is wrong"  # noqa: S105 - what is said of one


def address_of(request: HttpRequest | None) -> str:
    """The peer's own address, as the middleware leaves it: forwarded headers can be written by anybody."""
    return request.META.get("REMOTE_ADDR", "") if request else ""


def note_failure(username: str, *, address: str, what: str = "password") -> None:
    """Count and record a wrong password or code of `username`; the failure that closes the door is recorded as such too."""
    counted = {"username": username, "address": address}
    who = counted if what == "password" else codes_of(**counted)
    count_failure(**who)
    record_failure(username, reason=f"wrong {what}", address=address)
    if is_locked_out(**who):
        record_lock_out(username, what=what, address=address)


@contextmanager
def counted_code(request: HttpRequest, user: User) -> Iterator[None]:
    """Within, InvalidInputError means a wrong code. Raises PermissionDeniedError while too many of them were."""
    address = address_of(request)
    if is_locked_out(**codes_of(username=user.username, address=address)):
        raise PermissionDeniedError(LOCKED_OUT)
    try:
        yield
    except InvalidInputError:
        note_failure(user.username, address=address, what="code")
        raise


def require_code(request: HttpRequest, user: User, code: str) -> None:
    """Raise InvalidInputError for a wrong code, PermissionDeniedError while too many of them were."""
    with counted_code(request, user):
        if not is_right_code(user, code):
            raise InvalidInputError(WRONG_CODE)
    forget_failures(**codes_of(username=user.username, address=address_of(request)))


def confirm_identity(request: HttpRequest, user: User, *, password: str, code: str) -> None:
    """Raise InvalidInputError unless these are the user's own: whoever sits at an open session is not enough.

    PermissionDeniedError while there were too many wrong ones. Without a second factor `code` is not looked at.
    """
    who = {"username": user.username, "address": address_of(request)}
    if is_locked_out(**who):
        raise PermissionDeniedError(LOCKED_OUT)
    if not user.check_password(password):
        note_failure(**who)
        raise InvalidInputError(WRONG_PASSWORD)
    forget_failures(**who)
    if has_second_factor(user):
        require_code(request, user, code)
