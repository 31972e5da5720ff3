"""The models of `identity`, one noun a file."""

from identity.models.provisioning import ProvisionedEmail, ProvisionedGroup, ProvisionedUser
from identity.models.sign_in import ExternalIdentity, RecoveryCode, SecondFactor
from identity.models.token import ApiToken
from identity.models.user import Membership, NamedGroup, User

__all__ = [
    "ApiToken",
    "ExternalIdentity",
    "Membership",
    "NamedGroup",
    "ProvisionedEmail",
    "ProvisionedGroup",
    "ProvisionedUser",
    "RecoveryCode",
    "SecondFactor",
    "User",
]
