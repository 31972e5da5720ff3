"""Background work of `governance`. Every task may run at any time and any number of times."""

from celery import shared_task
from django.db import connection, transaction

from governance.effective.log import trim_fact_log
from governance.services.audit import seal_all
from governance.services.campaigns import send_campaign_notices, watch_campaigns
from governance.services.delegations import start_delegations
from governance.services.filter_reviews import review_filters
from governance.services.glass_alerts import remind_of_reviews, tell_of_broken_glass
from governance.services.grants import expire_grants
from governance.services.label_reviews import review_labels
from governance.services.notices import send_notices
from governance.services.requests import watch_requests
from governance.services.simulations import RUN_LIMIT, run_simulation, sweep_simulations
from governance.services.uses import count_uses
from governance.services.webhooks import deliver_webhooks


@shared_task(name="governance.expire_grants")
def expire_grants_task() -> int:
    """Clear away grants whose time is over; decisions do not wait for it."""
    return expire_grants()


@shared_task(name="governance.seal_audit")
def seal_audit_task() -> int:
    """Seal what was committed since the last checkpoint."""
    return seal_all()


@shared_task(name="governance.trim_fact_log")
def trim_fact_log_task() -> int:
    """Remove the entries of the log of changed facts that every process has seen."""
    with transaction.atomic(), connection.cursor() as cursor:
        return trim_fact_log(cursor)


@shared_task(name="governance.tell_of_broken_glass")
def tell_of_broken_glass_task() -> int:
    """Write to those who answer for what was read in an emergency, and about reviews that nobody closed in time."""
    return tell_of_broken_glass() + remind_of_reviews()


@shared_task(name="governance.raise_reviews")
def raise_reviews_task() -> int:
    """Raise what the last commits brought about that somebody should look at: labels that travelled, filters that broke."""
    return review_labels() + review_filters()


@shared_task(name="governance.watch_requests")
def watch_requests_task() -> int:
    """Reminders, escalations, the coming end of access; delegations that begin; requests that nobody can decide any more."""
    start_delegations()
    return watch_requests()


@shared_task(name="governance.send_notices")
def send_notices_task() -> int:
    """Send the e-mails that wait."""
    return send_notices() + send_campaign_notices()


@shared_task(name="governance.count_uses")
def count_uses_task() -> int:
    """Count the reads that were sealed since the last time by the grants that opened them."""
    return count_uses()


@shared_task(name="governance.watch_campaigns")
def watch_campaigns_task() -> int:
    """Campaigns that begin, remind, come to their deadline or close; items whose grant has ended."""
    return watch_campaigns()


@shared_task(name="governance.deliver_webhooks")
def deliver_webhooks_task() -> int:
    """Send the events that are due."""
    return deliver_webhooks()


@shared_task(
    name="governance.run_simulation",
    acks_late=True,
    soft_time_limit=RUN_LIMIT,
    time_limit=RUN_LIMIT + 60,
)
def run_simulation_task(simulation: int) -> None:
    """Run a simulation that was too large for the request that asked for it."""
    run_simulation(simulation)


@shared_task(name="governance.sweep_simulations")
def sweep_simulations_task() -> int:
    """Send simulations to a worker again whose message was lost, or whose worker was."""
    return sweep_simulations()
