"""Policies, histories, zones and moments by chance, crowded around midnights and changes of clocks."""

from dataclasses import replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from engine.model.contact import Contact, Facts
from engine.model.instant import SECOND, from_datetime
from engine.model.outcome import PastOutcome
from engine.rulebook.model.policies import (
    Calendar,
    Cap,
    Clock,
    Gap,
    Holidays,
    Pause,
    Period,
    Quiet,
    Rolling,
    Scope,
    Selector,
)

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND

ZONES = tuple(
    map(
        ZoneInfo,
        (
            *("UTC", "Asia/Shanghai", "Asia/Urumqi", "Asia/Kathmandu", "Asia/Kolkata", "Europe/Paris"),
            *("America/New_York", "America/St_Johns", "America/Havana", "America/Santiago", "America/Nuuk"),
            *("Africa/Cairo", "Africa/Casablanca", "Antarctica/Troll", "Australia/Lord_Howe"),
            *("Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Apia"),
        ),
    )
)
TURNS = (
    *(
        "2026-03-08T05:00Z",
        "2026-03-08T07:00Z",
        "2026-03-29T01:00Z",
        "2026-04-04T15:00Z",
        "2026-04-05T03:00Z",
    ),
    *(
        "2026-04-23T22:00Z",
        "2026-09-06T04:00Z",
        "2026-10-03T15:30Z",
        "2026-10-25T01:00Z",
        "2026-10-29T21:00Z",
    ),
    *(
        "2026-11-01T05:00Z",
        "2026-11-01T06:00Z",
        "2026-02-28T12:00Z",
        "2026-12-31T20:00Z",
        "2024-02-29T00:00Z",
    ),
    "2011-12-30T10:00Z",  # Samoa goes over the date line and has no Friday
)
"""Changes of clocks, ends of months, the end of a year."""

zones = st.sampled_from(ZONES)
plausible = st.lists(zones, min_size=1, max_size=3, unique=True).map(tuple)
moments = st.builds(
    lambda text, minutes, ticks: from_datetime(datetime.fromisoformat(text)) + minutes * MINUTE + ticks,
    st.sampled_from(TURNS),
    st.integers(-3 * 1440, 3 * 1440),
    st.sampled_from((0, 0, 1, -1, SECOND, 17 * SECOND + 3)),
)

facts = st.builds(
    Facts,
    channel=st.sampled_from(["sms", "wechat", "web"]),
    kind=st.sampled_from(["outbound", "inbound"]),
    campaign=st.sampled_from(["a", "b"]),
    offer=st.sampled_from(["x", "y"]),
    category=st.sampled_from(["commercial", "service"]),
    tags=st.frozensets(st.sampled_from(["t", "u"])),
)
selectors = st.builds(
    Selector,
    channel=st.frozensets(st.sampled_from(["sms", "wechat", "web"]), max_size=2),
    kind=st.frozensets(st.sampled_from(["outbound", "inbound"]), max_size=1),
    campaign=st.frozensets(st.sampled_from(["a", "b"]), max_size=1),
    category=st.frozensets(st.sampled_from(["commercial", "service"]), max_size=1),
    tag=st.frozensets(st.sampled_from(["t", "u"]), max_size=1),
)
excepted = st.none() | st.just(Selector(category=frozenset({"service"})))
clocks = st.sampled_from(Clock)


def _spans(longest: int) -> st.SearchStrategy[int]:
    """Mostly whole hours, with a second more or less now and then."""
    return st.builds(
        lambda hours, odd: hours * HOUR + odd * SECOND,
        st.integers(1, longest),
        st.sampled_from((0, 0, 0, 1, -1)),
    )


windows = st.builds(Rolling, _spans(200)) | st.builds(
    Calendar, st.sampled_from((Period.DAY, Period.WEEK, Period.MONTH)), clocks, st.integers(0, 6)
)
caps = st.builds(
    Cap,
    name=st.just("cap"),
    limit=st.integers(1, 4),
    window=windows,
    count=selectors,
    except_=excepted,
    customer_limit=st.none() | st.just("profile.wish"),
)
counting = st.builds(replace, caps, by=st.none() | st.just("profile.cart"))
"""Some of them count contacts apart by a value."""
gaps = st.builds(Gap, name=st.just("gap"), at_least=_spans(100), count=selectors, except_=excepted)
hours = st.lists(
    st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 59))), min_size=2, max_size=2, unique=True
).map(lambda two: (two[0], two[1]))
some_days: st.SearchStrategy[dict[str, object]] = st.builds(
    dict,
    days=st.frozensets(st.integers(0, 6), max_size=5),
    dates=st.frozensets(
        st.sampled_from((date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1), date(2011, 12, 30))),
        max_size=2,
    ),
    holidays=st.none() | st.sampled_from((Holidays("CN"), Holidays("DE", "BY"), Holidays("US"))),
)


def _quiet(name: str, hours: tuple[time, time] | None, on: dict[str, object], clock: Clock) -> Quiet:
    if hours is None and not any(on.values()):
        hours = (time(21), time(8))
    return Quiet(name, hours, clock=clock, **on)  # type: ignore[arg-type]


def quiet(name: str = "quiet") -> st.SearchStrategy[Quiet]:
    """A quiet rule that says some time, and not all."""
    return st.builds(_quiet, st.just(name), st.none() | hours, some_days, clocks)


def _pause(outcomes: frozenset[str], span: int, times: int, within: int, scope: Scope) -> Pause:
    return Pause("pause", outcomes, span, times, within if times > 1 else None, scope)


kinds = st.sampled_from(("complained", "bounced", "ignored"))
pauses = st.builds(
    _pause,
    st.frozensets(kinds, min_size=1, max_size=2),
    _spans(300),
    st.sampled_from((1, 1, 2, 3)),
    _spans(100),
    st.sampled_from(Scope),
)
policies = st.lists(
    st.one_of(counting, gaps, pauses, quiet(), quiet("second")),
    min_size=1,
    max_size=4,
    unique_by=lambda policy: policy.name,
)
customer_limits: st.SearchStrategy[dict[str, float]] = st.fixed_dictionaries(
    {},
    optional={
        "profile.wish": st.sampled_from((0, 1, 2, 3, 9, -1, 0.5, 1.5, 2.0, 1e300)),
        "profile.cart": st.sampled_from((7, 7.0, 8.5)),
    },
)


@st.composite
def histories(draw: st.DrawFn, now: int) -> list[Contact]:
    """Contacts of the weeks before the moment, some of them reserved, some elsewhere, one in a while later than it."""
    contacts = []
    for _ in range(draw(st.integers(0, 8))):
        at = (
            now - draw(st.integers(-60, 35 * 1440)) * MINUTE
            if draw(st.booleans())
            else now - draw(_spans(200))
        )
        held = draw(st.none() | st.integers(-24 * 60, 4 * 1440))
        past = draw(st.just([]) | st.lists(zones, min_size=1, max_size=2, unique=True))
        expires_at = None if held is None else now + held * MINUTE
        cart = draw(st.sampled_from((None, "7", "8.5", "null")))
        contacts.append(Contact(at, expires_at, draw(facts), ",".join(zone.key for zone in past), cart))
    return contacts


@st.composite
def outcomes(draw: st.DrawFn, now: int) -> list[PastOutcome]:
    """What was reported in the weeks before the moment, some of it of nothing in particular, one in a while later than it."""
    return [
        PastOutcome(
            draw(kinds),
            now - draw(st.integers(-60, 20 * 1440)) * MINUTE
            if draw(st.booleans())
            else now - draw(_spans(200)),
            draw(st.sampled_from(("", "sms", "wechat", "web"))),
            draw(st.sampled_from(("", "a", "b"))),
            draw(st.sampled_from(("", "x", "y"))),
        )
        for _ in range(draw(st.integers(0, 6)))
    ]
