"""What can go wrong with the stack; every message is a sentence that says what to do."""


class StackError(Exception):
    """The stack cannot go on; the message tells its user what to do about it."""


class InstallError(StackError):
    """Something that the stack runs is missing or damaged."""


class PortTakenError(StackError):
    """A port that must be used belongs to a process that is not ours."""


class NotRunningError(StackError):
    """A command needs a running stack, and there is none."""
