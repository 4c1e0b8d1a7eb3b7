"""Public holidays by country: which ones a book may name, and their dates. The one module that uses the package `holidays`.

The package is imported when a book first names holidays: it is large, and most books need none (docs/adr/0023).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache, lru_cache

from engine.rulebook.model.policies import Holidays


@cache
def countries() -> Mapping[str, Sequence[str]]:
    """The subdivisions of each country whose holidays are known, by its ISO 3166-1 alpha-2 code."""
    import holidays  # noqa: PLC0415 a tenth of a second

    return holidays.list_supported_countries(include_aliases=False)


@lru_cache(maxsize=4096)
def holidays_in(region: Holidays, year: int) -> frozenset[date]:
    """The public holidays of one year, including those observed in place of others."""
    import holidays  # noqa: PLC0415

    return frozenset(holidays.country_holidays(region.country, subdiv=region.subdivision, years=year))
