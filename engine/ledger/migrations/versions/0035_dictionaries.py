"""The dictionaries with which the texts of old decisions are packed."""

import base64
import zlib

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_PACKED = sa.text(
    "SELECT decision_id, answer FROM decisions WHERE answer LIKE '[\"packed\",%' AND decision_id > :after"
    " ORDER BY decision_id LIMIT 500"
)
_WHOLE = sa.text(
    "UPDATE decisions SET inputs = :inputs, trace = :trace, answer = :answer WHERE decision_id = :decision_id"
)


def upgrade() -> None:
    """Adds the table, empty: nothing is packed unless somebody says so."""
    op.create_table(
        "dictionaries",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("packed_to", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Unpacks all decisions, and drops the table: earlier versions cannot read packed ones."""
    log = op.get_bind()
    rows = log.execute(sa.text("SELECT number, text FROM dictionaries")).all()
    dictionaries = {number: text.encode() for number, text in rows}
    after = ""
    while page := log.execute(_PACKED, {"after": after}).all():
        after = page[-1][0]
        log.execute(_WHOLE, [_unpacked(decision_id, answer, dictionaries) for decision_id, answer in page])
    op.drop_table("dictionaries")


def _unpacked(decision_id: str, answer: str, dictionaries: dict[int, bytes]) -> dict[str, str]:
    _, number, packed = orjson.loads(answer)
    unpacker = zlib.decompressobj(15, dictionaries[number])
    plain = unpacker.decompress(base64.b64decode(packed)) + unpacker.flush()
    texts = zip(("inputs", "trace", "answer"), plain.decode().split("\n"), strict=True)
    return {"decision_id": decision_id, **dict(texts)}
