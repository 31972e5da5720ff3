"""Codes of the second factor."""

from django import forms

MAX_CODE = 32


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=MAX_CODE,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autofocus": True,
                "spellcheck": "false",
                "class": "code",
            }
        ),
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
    )


class EnrolForm(CodeForm):
    code = forms.CharField(
        max_length=MAX_CODE,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "code"}
        ),
        help_text="The six digits that the app shows now.",
    )
