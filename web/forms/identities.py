"""Confirming who one is, in the middle of a session."""

from typing import Any

from django import forms

from web.forms.second_factor import MAX_CODE

MAX_PASSWORD = 4096


class ConfirmForm(forms.Form):
    password = forms.CharField(
        max_length=MAX_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Your password here, once more.",
    )
    code = forms.CharField(
        max_length=MAX_CODE,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "class": "code"}),
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
    )

    def __init__(self, *args: Any, with_code: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not with_code:
            del self.fields["code"]
