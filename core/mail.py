"""Mail to people, through the backend of the settings."""

from collections.abc import Collection
from typing import Any

from django.core.mail import EmailMessage


def send_text(
    *, subject: str, text: str, to: Collection[str], key: str, connection: Any = None
) -> int:
    """Send one plain message to each address; returns how many.

    Nobody reads who else is written to. `key` names what it tells of: who gets it twice, since tasks may run twice, has one
    message with one `Message-ID`. `connection` is one of Django's, for many messages. Raises OSError (smtplib's errors among them) where the server does not take it.
    """
    title = " ".join(subject.split())
    sent = 0
    for number, address in enumerate(sorted(set(to))):
        headers = {"Message-ID": f"<{key}.{number}@lakewarden>", "Auto-Submitted": "auto-generated"}
        sent += EmailMessage(
            title, text, to=[address], headers=headers, connection=connection
        ).send()
    return sent
