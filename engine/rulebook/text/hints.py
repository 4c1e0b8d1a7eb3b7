"""Guess from a text that does not fit what its author meant; the guesses are hints of diagnostics."""

import re
from datetime import date

from engine.rulebook.text.mistakes import CURLY

_NUMBER = r"[-+]?[0-9]+(?:[.,][0-9]+)?"
_PLAIN = re.compile(rf"({_NUMBER})( ?%)?")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:[ '_\xa0\u202f][0-9]{3})+")
_COMPARED = re.compile(rf"(>=|=>|≥|<=|=<|≤|>|<|==?|!=|≠) *({_NUMBER}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})")
_OPERATORS = {
    **dict.fromkeys((">=", "=>", "≥"), "gte"),
    **dict.fromkeys(("<=", "=<", "≤"), "lte"),
    **dict.fromkeys(("!=", "≠"), "ne"),
    ">": "gt",
    "<": "lt",
}
_SIGNS = {
    **dict.fromkeys(("=", "==", "equals", "equal", "is"), "eq"),
    **dict.fromkeys(("!=", "≠", "<>", "not_equal", "is_not"), "ne"),
    **dict.fromkeys((">", "greater_than", "more_than", "above", "over"), "gt"),
    **dict.fromkeys((">=", "=>", "≥", "at_least", "greater_or_equal", "min", "from"), "gte"),
    **dict.fromkeys(("<", "less_than", "below", "under"), "lt"),
    **dict.fromkeys(("<=", "=<", "≤", "at_most", "less_or_equal", "max", "to"), "lte"),
    **dict.fromkeys(("one_of", "any_of"), "in"),
    **dict.fromkeys(("begins_with", "prefix"), "starts_with"),
    **dict.fromkeys(("regex", "like"), "matches"),
    "suffix": "ends_with",
}
"""What signs and words of other languages are here."""
_TEST = re.compile(r"([A-Za-z_][\w.-]*) *(>=|=>|≥|<=|=<|≤|<>|>|<|==|=|!=|≠) *([^\s<>=!{}\[\],]+)")
_PRICE = re.compile(rf"(?:€|\$|£|¥|[A-Z]{{3}} ?)?({_NUMBER}) ?(?:€|\$|£|¥|[A-Z]{{3}})?")
_EUROPEAN = re.compile(r"[-+]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+")
_AMERICAN = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")
_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_DAYS = {"s": 86400, "m": 1440, "h": 24, "d": 1}
_DAY = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})")
_YEAR_FIRST = re.compile(r"([0-9]{4})[./]?([0-9]{1,2})[./]?([0-9]{1,2})")
_WEEK = re.compile(r"([0-9]{4})-?W([0-9]{2})-?([1-7])")
_HOUR = re.compile(r"([0-9]{1,2})(?:[:.h]([0-5][0-9])|h)? ?(am|pm)?")
_WEEK_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAYS = re.compile(rf"({'|'.join(_WEEK_DAYS)})[a-z]* *(?:-|–|to) *({'|'.join(_WEEK_DAYS)})[a-z]*")
_GLUED = re.compile(r"([A-Za-z_][\w.-]*):([^\s/].*)")
_BOOLEANS = {**dict.fromkeys(("yes", "on", "y"), "true"), **dict.fromkeys(("no", "off", "n"), "false")}


def number(text: str) -> str:
    """For a text where a number is needed."""
    compared = comparison(text)
    if compared:
        return compared
    match = _PLAIN.fullmatch(text.strip())
    if match is None:
        return _of_parts(text)
    plain = match[1].replace(",", ".")
    if match[2]:
        return f"write {float(plain) / 100:.10g}"
    return "remove the quotes" if plain == text else f"write {plain}"


def _of_parts(text: str) -> str:
    """For a number with groups of digits, or with a currency."""
    price = _PRICE.fullmatch(text)
    if price:
        return f"write {price[1].replace(',', '.')}"
    for form, group, point in ((_EUROPEAN, ".", ","), (_AMERICAN, ",", ".")):
        if form.fullmatch(text):
            return f"write {text.replace(group, '').replace(point, '.')}"
    return f"write {re.sub(r'[^-+0-9]', '', text)}" if _GROUPED.fullmatch(text) else ""


def operator(word: str) -> str:
    """For a word or a sign that is no operator: what is written here for it."""
    meant = _SIGNS.get(word.strip().lower().replace(" ", "_"))
    if word.strip().lower() == "not":
        meant = "ne, or not_in with a list"
    return f"write {meant}" if meant else ""


def test(text: str) -> str:
    """For a test such as `profile.age < 7` where a mapping is needed."""
    match = _TEST.fullmatch(text.strip())
    if match is None:
        return ""
    meant = _SIGNS[match[2]]
    return f"write {{{match[1]}: {match[3] if meant == 'eq' else f'{{{meant}: {match[3]}}}'}}}"


def comparison(text: str) -> str:
    """For a text such as `>= 100`."""
    match = _COMPARED.fullmatch(text.strip())
    if match is None:
        return ""
    operator, value = _OPERATORS.get(match[1]), match[2].replace(",", ".")
    return f"write {{{operator}: {value}}}" if operator else f"write {value}"


def days(text: str) -> str:
    """For a duration where a number of days is needed."""
    match = _SPAN.fullmatch(text)
    if match is None:
        return ""
    count = int(match[1]) * 7 if match[2] == "w" else int(match[1]) / _DAYS[match[2]]
    return f"it is a number of days: write {count:.3g}"


def day(text: str) -> str:
    """For a text where a day is needed: `31/12/2026`, `31.12.2026`, `12/31/2026`, `20261231`, `2026-W53-4`."""
    week, first = _WEEK.match(text), _YEAR_FIRST.fullmatch(text)
    if week:
        try:
            return f"write {date.fromisocalendar(int(week[1]), int(week[2]), int(week[3]))}"
        except ValueError:
            return ""
    if first:
        return _written([(first[1], first[2], first[3])])
    match = _DAY.fullmatch(text)
    if match is None:
        return ""
    european, american = (match[4], match[3], match[1]), (match[4], match[1], match[3])
    return _written([european] if match[2] == "." or match[1] == match[3] else [european, american])


def _written(days: list[tuple[str, str, str]]) -> str:
    written = []
    for year, month, number in days:
        try:
            written.append(date(int(year), int(month), int(number)).isoformat())
        except ValueError:
            continue
    return f"write {' or '.join(written)}" if written else ""


def hours(text: str) -> str:
    """For a text where an hour or hours are needed: `9pm`, `8:00`, `21.30`, `8-20`, `08:00 – 20:00`."""
    meant = [_hour(part.strip()) for part in re.split(r"-|–|—|\bto\b", text)]
    return f"write {'-'.join(meant)}" if all(meant) and len(meant) <= 2 else ""


def _hour(text: str) -> str:
    match = _HOUR.fullmatch(text.lower())
    if match is None:
        return ""
    hour = int(match[1]) % 12 + 12 * (match[3] == "pm") if match[3] else int(match[1])
    return f"{hour:02}:{match[2] or '00'}" if hour <= 24 else ""


def boolean(text: str) -> str:
    """For a text where true or false is needed."""
    if text.lower() in ("true", "false"):
        return "remove the quotes"
    value = _BOOLEANS.get(text.lower())
    return f"write {value}: '{text}' is a text in YAML 1.2" if value else ""


def items(text: str) -> str:
    """For a text where a list is needed."""
    if text.startswith("-"):
        return "write a blank after each dash"
    days = _WEEKDAYS.fullmatch(text.strip().lower())
    if days:
        first, last = _WEEK_DAYS.index(days[1]), _WEEK_DAYS.index(days[2])
        between = [_WEEK_DAYS[number % 7] for number in range(first, last + 1 + 7 * (last < first))]
        return f"write [{', '.join(between)}]"
    if _DAY.fullmatch(text):
        return re.sub(r"([0-9-]{10})", r"[\1]", day(text))
    return f"write [{text.strip(f'{CURLY}()[]')}]" if len(text) < 100 else ""


def entries(text: str) -> str:
    """For a text where a mapping is needed."""
    match = _GLUED.match(text)
    if match is None:
        return test(text)
    return f"a blank is missing after the colon: write {match[1]}: {match[2][:60]}"
