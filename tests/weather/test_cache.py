"""The cache of reports."""

from engine.weather.cache import UNKNOWN, Cache, CachedReport, Cell


def test_the_oldest_asked_goes() -> None:
    """Beyond the limit the least recently used cell is dropped; reading counts as use."""
    cache = Cache(2)
    first, second, third = (Cell(0, number) for number in range(3))
    for cell in (first, second):
        cache.put(cell, CachedReport(read_at=1))
    assert cache.get(first).read_at == 1
    cache.put(third, CachedReport(read_at=1))
    assert len(cache) == 2
    assert cache.get(second) is UNKNOWN
    assert cache.get(first) is not UNKNOWN


def test_put_again() -> None:
    """A cell is cached once, with the report put last."""
    cache = Cache(2)
    for moment in (1.0, 2.0, 3.0):
        cache.put(Cell(0, 0), CachedReport(read_at=moment))
    assert (len(cache), cache.get(Cell(0, 0)).read_at) == (1, 3.0)
