"""Names that are known, and the likeliest for one that is not."""

from collections.abc import Iterable
from difflib import get_close_matches


def known_name(where: str, name: str, names: Iterable[str]) -> str:
    """The name, if it is one of the names; raises ValueError with the likeliest one otherwise."""
    names = list(names)
    if name in names:
        return name
    close = get_close_matches(str(name), names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}"
    raise ValueError(f"{where}: unknown {name!r}; {hint}")
