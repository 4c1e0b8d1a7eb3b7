"""A dictionary holds what many share, and nothing of anybody."""

from engine.privacy.fragments import FEWEST, MOST_BYTES, common_text


def texts(persons: int, city: str = "Sanya") -> list[tuple[str, str]]:
    """A decision of each person, with a name of their own and a city that all share."""
    return [
        (f"person-{number}", f'{{"attributes":{{"name":"N{number}","city":"{city}","age":7}}}}')
        for number in range(persons)
    ]


def test_what_one_person_has_is_not_in_it() -> None:
    """Neither names nor whatever fewer persons have, however often it stands in their decisions."""
    rare = [("person-1", '{"attributes":{"secret":"x","city":"Sanya"}}')] * 500
    text = common_text([*texts(FEWEST), *texts(FEWEST - 1, "Harbin"), *rare])
    assert '"city":"Sanya","age":7}}' in text
    assert all(word not in text for word in ('"N', "secret", "Harbin", "person"))


def test_fewer_persons_have_no_dictionary() -> None:
    """Of fewer than enough persons nothing is taken."""
    assert common_text(texts(FEWEST - 1)) == ""
    assert common_text([]) == ""


def test_it_is_no_longer_than_what_is_looked_back_to() -> None:
    """Of much that is shared, what is worth most, the best at the end; in any script."""
    shared = [
        (f"p{number}", ",".join(f'"属性{item}":"值{item}"' for item in range(3_000))) for number in range(25)
    ]
    text = common_text(shared)
    assert MOST_BYTES * 0.9 < len(text.encode()) <= MOST_BYTES
