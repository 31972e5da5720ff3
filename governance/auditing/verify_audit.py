"""Whether an exported audit log is what was signed: needs this file, Python 3.9, `cryptography`, and a checkpoint.

    python verify_audit.py LOG.ndjson [MORE.ndjson ...] --checkpoint CHECKPOINT [--key KEY] [--from N]

LOG is what `GET /api/v1/audit/export` gives (`-`: standard input; several files are one log, in this order;
without `--from` it must begin with record 0). CHECKPOINT
was kept elsewhere: a signed note, or the JSON of `manage.py verify_audit --save-checkpoint`. KEY is the public key:
base64, `name+hash+base64`, or a file with either; a JSON checkpoint may hold it. Nothing of the service is imported.

Exit status: 0 the log is what was signed, 1 it is not (each finding names the place), 2 the input cannot be read.
The tree is that of RFC 9162 §2.1; notes are those of C2SP signed-note and tlog-checkpoint.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_FINDINGS = 20
KEY_BYTES = 32
# C2SP signed-note: a type before the key, four bytes of the key's hash before a signature.
KEY_TYPE_BYTES = 1
KEY_HASH_BYTES = 4
CHECKPOINT_LINES = 3
LONGEST_KEY = 200


class UnreadableError(Exception):
    """The input is not what this program reads."""


class Tree:
    """A Merkle tree that grows by leaves: its size, and the roots of its complete subtrees, left to right."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        ones = bin(size).count("1")  # noqa: FURB161 - Python 3.9
        if len(peaks) != ones:
            raise UnreadableError(f"a tree of {size} records has another frontier")
        self.size, self.peaks = size, list(peaks)

    def append(self, leaf: bytes) -> None:
        node, rest = leaf, self.size
        while rest & 1:
            node = hashlib.sha256(b"\x01" + self.peaks.pop() + node).digest()
            rest >>= 1
        self.peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = hashlib.sha256(b"\x01" + peak + root).digest()
        return root


class Checkpoint:
    """Size, root, the text that was signed, and the signatures under it."""

    def __init__(self, text: str, signatures: Sequence[bytes]) -> None:
        lines = text.split("\n")
        if len(lines) <= CHECKPOINT_LINES:
            raise UnreadableError("a checkpoint has at least three lines")
        self.text, self.signatures = text, signatures
        try:
            self.size = int(lines[1])
            self.root = base64.b64decode(lines[2], validate=True)
        except (ValueError, binascii.Error) as error:
            raise UnreadableError(
                "a checkpoint's second line is a size, its third a root"
            ) from error

    @classmethod
    def from_note(cls, note: str) -> Checkpoint:
        text, _, signed = note.partition("\n\n")
        signatures = [
            base64.b64decode(line.rsplit(" ", 1)[1])[KEY_HASH_BYTES:]
            for line in signed.splitlines()
            if line.startswith("\u2014 ")
        ]
        return cls(text + "\n", signatures)

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Checkpoint:
        root = base64.b64encode(bytes.fromhex(given["root_hash"])).decode()
        text = f"lakewarden-audit\n{given['tree_size']}\n{root}\n{given['signed_at']}\n"
        return cls(text, [bytes.fromhex(given["signature"])] if "signature" in given else [])

    def is_signed(self, key: bytes) -> bool:
        for signature in self.signatures:
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(signature, self.text.encode())
            except InvalidSignature:
                continue
            return True
        return False


class Check:
    """One pass over the log. A finding has the place of the first record that it is about."""

    def __init__(self, checkpoint: Checkpoint, key: bytes | None, first: int) -> None:
        self.first = first
        self.checkpoint, self.key = checkpoint, key
        self.tree, self.last_good, self.met = Tree(), 0, False
        self.began = False
        self.findings: list[tuple[int, str]] = []

    def report(self, place: int, text: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append((place, text))

    def read(self, line: dict[str, Any]) -> None:
        if "log" in line:
            self._begin(line)
        elif not self.began:
            raise UnreadableError("the first line must say where the log begins")
        elif "checkpoint" in line:
            self._meet(Checkpoint.from_note(line["checkpoint"]), outside=False)
        else:
            self._take(line)

    def _begin(self, line: dict[str, Any]) -> None:
        first = line["first"]
        if not self.began:
            self.began = True
            self.tree = Tree(first, [bytes.fromhex(each) for each in line["frontier"]])
            self.last_good = first
            if first != self.first:
                self.report(self.first, f"the log begins at {first}, not at {self.first}")
            if first == self.checkpoint.size:
                self._meet(self.checkpoint, outside=True)
        elif first != self.tree.size:
            self.report(
                self.tree.size, f"a part of the log begins at {first}, not at {self.tree.size}"
            )

    def _take(self, line: dict[str, Any]) -> None:
        place, found = self.tree.size, line["sequence"]
        if found != place:
            self._out_of_place(place, found)
        data = (
            bytes.fromhex(line["record_hex"]) if "record_hex" in line else line["record"].encode()
        )
        leaf = hashlib.sha256(b"\x00" + data).digest()
        if leaf.hex() != line["leaf_hash"]:
            self.report(found, f"record {found} was changed")
        self.tree.append(leaf)
        if self.tree.size == self.checkpoint.size:
            self._meet(self.checkpoint, outside=True)

    def _out_of_place(self, place: int, found: int) -> None:
        if self.findings:
            return  # what follows a record that is missing or too many is out of place as well
        if found > place:
            self.report(place, f"record {place} is missing: in its place is {found}")
        else:
            self.report(found, f"record {found} is there twice or too late: {place} was expected")

    def _meet(self, checkpoint: Checkpoint, *, outside: bool) -> None:
        if outside:
            self.met = True
        elif self.key is not None and not checkpoint.is_signed(self.key):
            self.report(
                checkpoint.size,
                f"the signature of the checkpoint of {checkpoint.size} does not hold",
            )
            return
        if checkpoint.size == self.tree.size and checkpoint.root == self.tree.root():
            self.last_good = self.tree.size
        elif not self.findings:
            self.report(
                self.last_good,
                f"records {self.last_good} to {checkpoint.size - 1} are not those that were signed: "
                "replaced, inserted, dropped or in another order",
            )

    def finish(self) -> None:
        """What only the end of the log tells."""
        if not self.began:
            raise UnreadableError("the log is empty")
        if (
            self.key is not None
            and self.checkpoint.signatures
            and not self.checkpoint.is_signed(self.key)
        ):
            self.report(
                self.checkpoint.size, "the signature of the checkpoint that was kept does not hold"
            )
        if not self.met and not self.findings:
            self.report(
                self.tree.size,
                f"the log ends with {self.tree.size} records, but {self.checkpoint.size} were signed",
            )


def read_checkpoint(path: str) -> tuple[Checkpoint, bytes | None]:
    """The checkpoint in a file, and the key that is with it, if any."""
    text = Path(path).read_text(encoding="utf-8")
    if not text.lstrip().startswith("{"):
        return Checkpoint.from_note(text), None
    given = json.loads(text)
    if "note" in given:
        checkpoint = Checkpoint.from_note(given["note"])
    else:
        checkpoint = Checkpoint.from_json(given)
    return checkpoint, read_key(given["public_key"]) if "public_key" in given else None


def read_key(text: str) -> bytes:
    """The 32 bytes of a public key: base64, a note's verifier key, or a file with either."""
    if len(text) < LONGEST_KEY and Path(text).is_file():
        text = Path(text).read_text(encoding="utf-8")
    encoded = text.strip()
    if "-" in encoded:  # `name+hash+base64`; base64 itself has no dash
        encoded = encoded.split("+", 2)[2]
    key = base64.b64decode(encoded)
    if len(key) == KEY_TYPE_BYTES + KEY_BYTES:
        key = key[KEY_TYPE_BYTES:]
    if len(key) != KEY_BYTES:
        raise UnreadableError("the key must be an Ed25519 public key of 32 bytes in base64")
    return key


def verify(
    lines: Iterable[bytes], checkpoint: Checkpoint, key: bytes | None, *, first: int = 0
) -> Check:
    """Check the lines of a log; what is wrong as (place, text)."""
    check = Check(checkpoint, key, first)
    for number, line in enumerate(lines, 1):
        try:
            check.read(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableError(
                f"line {number} is not one of an exported log: {error}"
            ) from error
    check.finish()
    return check


def lines_of(names: Sequence[str]) -> Iterator[bytes]:
    """The lines of all files, one after the other."""
    for name in names:
        if name == "-":
            yield from sys.stdin.buffer
        else:
            with Path(name).open("rb") as file:
                yield from file


def say(text: str, stream: TextIO = sys.stdout) -> None:
    """Write a line."""
    stream.write(f"{text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit status."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("log", nargs="+", help="exported log, `-` for standard input")
    parser.add_argument(
        "--checkpoint", required=True, help="the checkpoint that was kept elsewhere"
    )
    parser.add_argument(
        "--from", type=int, default=0, dest="first", help="where a part of the log must begin"
    )
    parser.add_argument("--key", help="public key, or a file with it")
    options = parser.parse_args(arguments)
    try:
        checkpoint, key = read_checkpoint(options.checkpoint)
        key = read_key(options.key) if options.key else key
        check = verify(lines_of(options.log), checkpoint, key, first=options.first)
    except (OSError, ValueError, KeyError, TypeError, UnreadableError) as error:
        say(f"cannot be read: {error}", sys.stderr)
        return 2
    for place, text in check.findings:
        say(f"at {place}: {text}", sys.stderr)
    if check.findings:
        say("the log is not what was signed", sys.stderr)
        return 1
    beyond = check.tree.size - checkpoint.size
    say(
        f"{checkpoint.size - check.first} records are what was signed"
        + (f", {beyond} more follow that it does not cover" if beyond else "")
    )
    if check.key is None:
        say("no key was given: the checkpoint was taken at its word, its signature was not checked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
