"""The decision kernel: facts in, decision out, no I/O, no framework.

`decide` answers for one dataset, `restrict` for all of them at once, and the two say the same.
"""

from governance.policy.decide import decide
from governance.policy.restrict import restrict

__all__ = ["decide", "restrict"]
