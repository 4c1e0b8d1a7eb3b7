"""The demo's people and their requests."""

from collections import Counter
from datetime import timedelta

from demo.households import POINTS_RUN, cities, city_of, households, request_of

BEFORE = POINTS_RUN - timedelta(days=4)


def test_all_households_load() -> None:
    """The extract holds the 2,469 households of the data, 801 of them with demographics."""
    everyone = households()
    assert len({household.number for household in everyone}) == len(everyone) == 2469
    assert sum(household.age_band is not None for household in everyone) == 801
    assert round(sum(household.spend for household in everyone)) == 4_596_040


def test_cities_run_from_cold_to_warm() -> None:
    """The cities have each climate of the book: below 10 °C, from 18 °C, and between."""
    climates = Counter(
        "cold" if c.temperature_c < 10 else "mild" if c.temperature_c < 18 else "warm" for c in cities()
    )
    assert climates == {"cold": 5, "mild": 4, "warm": 3}
    assert (cities()[0].name, cities()[-1].name) == ("Harbin", "Sanya")


def test_a_household_stays_where_it_is() -> None:
    """The city depends on nothing but the household's number, and every city gets its share."""
    assert [city_of(household).name for household in households()[:4]] == [
        "Beijing",
        "Guangzhou",
        "Lhasa",
        "Xi'an",
    ]
    shares = Counter(city_of(household).name for household in households())
    assert min(shares.values()) > 0.7 * len(households()) / len(cities())


def test_most_customers_can_be_reached() -> None:
    """About 80 % have WeChat, 60 % a phone, and 90 % consent to either."""
    profiles = [request_of(household, BEFORE).context.profile for household in households()]
    shares = [
        sum("wechat_openid" in profile.attributes for profile in profiles) / len(profiles),
        sum("phone" in profile.attributes for profile in profiles) / len(profiles),
        sum("wechat" in profile.consents for profile in profiles) / len(profiles),
        sum("sms" in profile.consents for profile in profiles) / len(profiles),
    ]
    assert all(abs(share - meant) < 0.03 for share, meant in zip(shares, (0.8, 0.6, 0.9, 0.9), strict=True))


def test_requests_carry_what_is_known() -> None:
    """A household with demographics sends them with their kinds; what is unknown is not sent."""
    known, unknown = households()[:2]
    attributes = request_of(known, BEFORE).context.profile.attributes
    assert (attributes["age_band"].text, attributes["household_size"].integer) == ("65+", 2)
    assert (attributes["purchases"].integer, attributes["spend"].number) == (51, 2415.56)
    assert "age_band" not in request_of(unknown, BEFORE).context.profile.attributes
    assert "first_name" not in attributes


def test_more_points_are_known_later() -> None:
    """From March 14th on the club knows of more customers with points, and of all those before."""

    def with_points(moment: object) -> set[int]:
        return {
            household.number
            for household in households()
            if "points_expiring" in request_of(household, moment).context.profile.attributes  # type: ignore[arg-type]
        }

    before, after = with_points(BEFORE), with_points(POINTS_RUN)
    assert before < after
    assert len(before) > 100
    assert len(after) - len(before) > 100
