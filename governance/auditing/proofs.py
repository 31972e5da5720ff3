"""Proofs about the log that hold without trusting this service (RFC 9162 §2.1.3, §2.1.4)."""

from dataclasses import dataclass

from core.errors import InvalidInputError, NotFoundError
from governance.auditing.tiles import TileNodes
from governance.merkle import (
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from governance.models import AuditCheckpoint, AuditRecord
from governance.services.audit import AuditBrokenError


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Proof that a record is in the tree of a checkpoint (RFC 9162 §2.1.3)."""

    sequence: int
    leaf: bytes
    proof: tuple[bytes, ...]
    tree_size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Consistency:
    """Proof that the log of one checkpoint is the beginning of that of another (RFC 9162 §2.1.4)."""

    old_size: int
    old_root: bytes
    new_size: int
    new_root: bytes
    proof: tuple[bytes, ...]


def find_checkpoint(tree_size: int | None = None) -> AuditCheckpoint:
    """The checkpoint of this size, or the newest. Raises NotFoundError where there is none."""
    rows = AuditCheckpoint.objects.order_by("-tree_size")
    row = (rows if tree_size is None else rows.filter(tree_size=tree_size)).first()
    if row is None:
        wanted = "nothing is sealed yet" if tree_size is None else f"of {tree_size} records"
        raise NotFoundError(f"there is no such checkpoint: {wanted}")
    return row


def prove_inclusion(sequence: int, *, tree_size: int | None = None) -> Inclusion:
    """Proof that the record at this place is in the tree of a checkpoint, the newest by default.

    Raises NotFoundError where the checkpoint does not cover it, AuditBrokenError where the log does not prove it.
    Reads O(log n) rows.
    """
    checkpoint = AuditCheckpoint.objects.order_by("-tree_size").first()
    if tree_size is not None:
        checkpoint = find_checkpoint(tree_size)
    if checkpoint is None or not 0 <= sequence < checkpoint.tree_size:
        raise NotFoundError(f"no checkpoint covers record `{sequence}`")
    leaf = AuditRecord.objects.filter(sequence=sequence).values_list("leaf_hash", flat=True).first()
    if leaf is None:
        raise AuditBrokenError(f"record {sequence} is missing; run `verify_audit`")
    size, root = checkpoint.tree_size, bytes(checkpoint.root_hash)
    proof = inclusion_proof(TileNodes(), sequence, size)
    if not verify_inclusion(bytes(leaf), index=sequence, size=size, proof=proof, root=root):
        raise AuditBrokenError(f"record {sequence} is not what was signed; run `verify_audit`")
    return Inclusion(sequence, bytes(leaf), tuple(proof), size, root)


def prove_consistency(old: int, new: int | None = None) -> Consistency:
    """Proof that the log of the checkpoint of `old` records is the beginning of that of `new`, by default the newest.

    Raises NotFoundError where there is no such checkpoint, InvalidInputError where `old` is the larger, and
    AuditBrokenError where the log does not prove it. Reads O(log n) rows.
    """
    older, newer = find_checkpoint(old), find_checkpoint(new)
    if older.tree_size > newer.tree_size:
        raise InvalidInputError("`from` must not be larger than `to`")
    old_root, new_root = bytes(older.root_hash), bytes(newer.root_hash)
    proof = consistency_proof(TileNodes(), older.tree_size, newer.tree_size)
    if not verify_consistency(
        old=older.tree_size,
        new=newer.tree_size,
        old_root=old_root,
        new_root=new_root,
        proof=proof,
    ):
        raise AuditBrokenError("the log does not continue what was signed; run `verify_audit`")
    return Consistency(older.tree_size, old_root, newer.tree_size, new_root, tuple(proof))
