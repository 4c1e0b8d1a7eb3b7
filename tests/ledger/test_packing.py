"""Texts of decisions are packed, and come back as they were or not at all."""

import orjson
import pytest

from engine.ledger.errors import LedgerUnavailable
from engine.ledger.store.packing import EMPTY, Texts, is_packed, pack, unpack

DICTIONARY = '{"attributes":{"city":"Sanya"},"masked":[],"consents":["sms"]}'
TEXTS = Texts(
    '{"attributes":{"city":"Sanya","name":"李娜"},"masked":[],"consents":["sms"]}',
    '{"candidates":[["cream",1.5,"chosen"]],"counters":['
    + ",".join(['["weekly",0,3,false,null,"cream"]'] * 9)
    + "]}",
    '["0190","r-1",17,"offer","v",[["cream","a","b"]],[["chosen","cream"]],[],null,[],1.0,null]',
)


@pytest.mark.parametrize("dictionary", [DICTIONARY, "", "Wörter"])
def test_texts_come_back(dictionary: str) -> None:
    """Byte by byte, and what stands in the row is JSON of which JSON paths find nothing."""
    packed = pack(TEXTS, 3, dictionary)
    assert packed is not None
    assert packed[:2] == (EMPTY, EMPTY)
    assert orjson.loads(packed.answer)[:2] == ["packed", 3]
    assert is_packed(packed.answer)
    assert not is_packed(TEXTS.answer)
    assert unpack(packed.answer, {3: dictionary}.__getitem__) == TEXTS


@pytest.mark.parametrize(
    "texts", [Texts("{}", "{}", "[]"), Texts("{\n}" + "0" * 400, "{}", "[]"), Texts("{}", "{}", "\n" * 400)]
)
def test_what_would_not_come_back_or_not_be_shorter_stays(texts: Texts) -> None:
    """A text with a line break, which none has, is not packed."""
    assert pack(texts, 1, DICTIONARY) is None


def test_damage_is_told() -> None:
    """No row is read as another one: not with bytes changed, cut off, of another dictionary or of none."""
    packed = pack(TEXTS, 1, DICTIONARY)
    assert packed is not None
    _, number, text = orjson.loads(packed.answer)
    damaged = [text[:40] + ("A" if text[40] != "A" else "B") + text[41:], text[:-8], "", "§", None]
    answers = [orjson.dumps(["packed", number, wrong]).decode() for wrong in damaged]
    for answer in (*answers, '["packed",1]', '["packed",7,"' + text + '"]', '["packed",'):
        with pytest.raises(LedgerUnavailable, match="is damaged; restore it from a back-up"):
            unpack(answer, {1: DICTIONARY}.__getitem__)
    with pytest.raises(LedgerUnavailable, match="is damaged"):
        unpack(packed.answer, {1: DICTIONARY + " "}.__getitem__)
