"""Whether the ledger's rows, its signed checkpoints and its published one are of one log. Reads only."""

import sqlalchemy as sa

from assaymark.core.errors import Untrusted
from assaymark.core.note import Note, NoteKey
from assaymark.core.tlog import Checkpoint, verify_checkpoint
from assaymark.storage.ledger_files import CHECKPOINT, StaticFiles
from assaymark.storage.ledger_tables import Rows, checkpoints

_STEP = "take another backup; do not sign anything with this one"


def agreed(connection: sa.Connection, files: StaticFiles, key: NoteKey) -> Checkpoint | None:
    """The newest signed checkpoint, None for a log that was never signed; raises Untrusted or Malformed.

    1. The hashes in the rows are those of the leaves' bytes.
    2. Every checkpoint in the rows is signed, and is of this tree: of a size there is never more than one root.
    3. So is the published one, and it is not ahead of the rows.
    """
    rows = Rows(connection)
    size = rows.size()
    tree = rows.tree(size)
    if rows.rebuilt(size).root() != tree.root():
        raise Untrusted("the hashes of the ledger do not fit its leaves", step=_STEP)

    def check(note: bytes, where: str) -> Checkpoint:
        signed = verify_checkpoint(Note.read(note), key).checkpoint
        if signed.size > size or tree.root(signed.size) != signed.root:
            message = f"the checkpoint of {signed.size:,} leaves in {where} is not of the log in the database"
            raise Untrusted(f"{message}, which has {size:,}", step=_STEP)
        return signed

    last = None
    for note in connection.execute(sa.select(checkpoints.c.note).order_by(checkpoints.c.size)).scalars():
        last = check(note, "the database")
    published = files.read(CHECKPOINT)
    if published is not None:
        check(published, "the static files")
    return last
