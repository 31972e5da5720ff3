"""The commands of `python -m stack`."""

import argparse
import errno
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from stack import artifacts, commands, doctor, java
from stack.errors import StackError
from stack.home import open_home
from stack.paths import default_home
from stack.report import table
from stack.supervisor import Request, supervise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status. What goes wrong is told in a sentence on stderr."""
    options = _parser().parse_args(arguments)
    # A polite kill unwinds like Ctrl-C, so that `exec` stops and removes what it started.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        status: int = options.run(options)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; nothing more may be written at exit either.
        sys.stdout = None
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(
            f"error: the disk is full ({error.filename}): free some space and try again.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    commands_of = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        added = commands_of.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        added.add_argument(
            "--home",
            type=Path,
            default=default_home(),
            help="folder of data, logs and passwords (LAKEWARDEN_HOME)",
        )
        return added

    up = command("up", _up, "start the services and wait until they are ready")
    up.add_argument(
        "--only",
        type=_names,
        default=[],
        metavar="A,B",
        help="start only these, and what they need",
    )
    up.add_argument("--detach", action="store_true", help="do not wait until they are ready")
    command("down", _down, "stop everything")
    command("status", _status, "show what runs, where, and how much memory it takes")
    logs = command("logs", _logs, "print the end of a service's log")
    logs.add_argument("service")
    logs.add_argument("-n", type=int, default=50, help="lines")
    command("env", _env, "print shell exports for scripts; they contain the generated passwords")
    _add_exec(
        command(
            "exec",
            _exec,
            "start what is needed, run a command with the environment, stop what was started",
        )
    )
    command("doctor", _doctor, "check this machine")
    reset = command("reset", _reset, "stop everything and delete all data, logs and passwords")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    command("install", _install, "fetch and verify the jars and PostgreSQL's binaries")
    hidden = command("supervise", _supervise, "be the supervisor (used by `up`)")
    hidden.add_argument("--only", type=_names, default=[])
    hidden.add_argument("--ephemeral", action="store_true")
    hidden.add_argument("--parent", type=int)
    return parser


def _add_exec(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        type=_names,
        default=[],
        metavar="A,B",
        help="start only these, and what they need",
    )
    parser.add_argument(
        "--ephemeral", action="store_true", help="use a fresh folder and remove it afterwards"
    )
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run"
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _up(options: argparse.Namespace) -> int:
    home = open_home(options.home)
    status = commands.up(home, options.only, wait=not options.detach)
    if status == 0 and not options.detach:
        print(table(home))
    return status


def _down(options: argparse.Namespace) -> int:
    return commands.down(open_home(options.home))


def _status(options: argparse.Namespace) -> int:
    print(table(open_home(options.home)))
    return 0


def _logs(options: argparse.Namespace) -> int:
    return commands.logs(open_home(options.home), options.service, lines=options.n)


def _env(options: argparse.Namespace) -> int:
    sys.stdout.write(commands.exports(open_home(options.home)))
    return 0


def _exec(options: argparse.Namespace) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise StackError("`exec` needs a command: `python -m stack exec -- COMMAND`.")
    if options.ephemeral:
        return commands.run_ephemeral(command, options.only)
    return commands.run_with(open_home(options.home), command, options.only)


def _doctor(options: argparse.Namespace) -> int:
    results = doctor.examine(open_home(options.home))
    for is_well, sentence in results:
        print(f"{'ok ' if is_well else 'NO '} {sentence}")
    return 0 if all(is_well for is_well, _ in results) else 1


def _reset(options: argparse.Namespace) -> int:
    home = open_home(options.home)
    if not options.yes:
        answer = (
            input(f"Delete all data in {home.root}? Type `yes`: ") if sys.stdin.isatty() else ""
        )
        if answer.strip() != "yes":
            raise StackError("nothing was deleted: `reset` needs `yes` as an answer, or `--yes`.")
    commands.down(home)
    home.remove()
    print(f"Deleted {home.root}.")
    return 0


def _install(_options: argparse.Namespace) -> int:
    artifacts.ensure()
    java.ensure_class_archive()
    java.spark_home()
    return 0


def _supervise(options: argparse.Namespace) -> int:
    return supervise(
        open_home(options.home), Request(options.only, options.ephemeral, options.parent)
    )
