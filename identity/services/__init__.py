"""Writes of `identity`, one noun a file."""

from identity.services.accounts import create_group, create_user, set_attributes, set_groups
from identity.services.sessions import end_access
from identity.services.tokens import authenticate_token, issue_token, revoke_token

__all__ = [
    "authenticate_token",
    "create_group",
    "create_user",
    "end_access",
    "issue_token",
    "revoke_token",
    "set_attributes",
    "set_groups",
]
