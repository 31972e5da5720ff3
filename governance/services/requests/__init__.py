"""Access requests: asked by one person, decided by others stage by stage, enforced at once as a grant that ends by itself.

The states and what leads from one to another are in `governance.approval.states`. Each step locks the request's row
first, so of two at once one is made and the other gets ConflictError.
"""

from governance.services.requests.ask import (
    MAX_DURATION,
    extend_request,
    request_access,
    withdraw_request,
)
from governance.services.requests.cancel import cancel_orphaned_requests, cancel_request
from governance.services.requests.decide import approve_request, deny_request
from governance.services.requests.invite import Invitation, make_invitation, open_invitation
from governance.services.requests.offer import answer_offer, offer_less
from governance.services.requests.watch import watch_requests

__all__ = [
    "MAX_DURATION",
    "Invitation",
    "answer_offer",
    "approve_request",
    "cancel_orphaned_requests",
    "cancel_request",
    "deny_request",
    "extend_request",
    "make_invitation",
    "offer_less",
    "open_invitation",
    "request_access",
    "watch_requests",
    "withdraw_request",
]
