"""The models of `identity`, one noun a file."""

from identity.models.token import ApiToken
from identity.models.user import Membership, User

__all__ = ["ApiToken", "Membership", "User"]
