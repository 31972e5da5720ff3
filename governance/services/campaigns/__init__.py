"""Campaigns of re-certification: grants in scope wait for those who answer for the data, and end where nobody decides.

The states and what leads from one to another are in `governance.certification.states`. Each step locks the item's row
first, so of two at once one is made and the other gets ConflictError.
"""

from governance.services.campaigns.begin import create_campaign, open_campaign
from governance.services.campaigns.certify import keep_grant, narrow_to, revoke_certified
from governance.services.campaigns.finish import cancel_campaign, close_campaign
from governance.services.campaigns.notices import send_campaign_notices
from governance.services.campaigns.report import report_lines
from governance.services.campaigns.watch import watch_campaigns

__all__ = [
    "cancel_campaign",
    "close_campaign",
    "create_campaign",
    "keep_grant",
    "narrow_to",
    "open_campaign",
    "report_lines",
    "revoke_certified",
    "send_campaign_notices",
    "watch_campaigns",
]
