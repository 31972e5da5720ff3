"""The past: facts as they were at any instant, handed to the same kernel that decides today.

`rows` reads a table's history as of an instant, `labels` and `facts` make the kernel's values of it, `access` answers
who could, `reads` who did, `changes` what changed in between, and `asking` says who may ask.
"""
