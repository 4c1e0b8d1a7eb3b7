"""Rolling caps against a published sequence."""

from engine.model.contact import Contact
from engine.model.instant import SECOND
from engine.rulebook.model.policies import Cap, Rolling
from tests.decide.pressure.rules import SMS, look, rules

HOUR = 3600 * SECOND


def answers(hours: list[float]) -> str:
    """What "2 in 24 hours" says to contacts asked for at these hours, Y or N each."""
    (daily,) = rules(Cap("daily", 2, Rolling(24 * HOUR)))
    said = ""
    history: list[Contact] = []
    for hour in hours:
        now = int(hour * HOUR)
        if look(daily, now, history).blocks:
            said += "N"
        else:
            said += "Y"
            history.append(Contact(now, None, SMS))
    return said


def test_two_a_day_over_a_moving_window() -> None:
    """The published sequence holds; its last contact is asked for just before a day has passed since hour 25."""
    assert answers([0, 10, 20, 23, 25, 35, 48.999]) == "YYNNYYN"


def test_a_contact_leaves_after_exactly_the_window() -> None:
    """A contact counts while at > now - window, so exactly one day after hour 25 the next may go."""
    assert answers([0, 10, 20, 23, 25, 35, 49]) == "YYNNYYY"
