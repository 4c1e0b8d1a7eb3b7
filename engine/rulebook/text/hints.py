"""Guess from a text that does not fit what its author meant; the guesses are hints of diagnostics."""

import re
from collections.abc import Collection
from datetime import date

from engine.rulebook.text.mistakes import CURLY

_NUMBER = r"[-+]?[0-9]+(?:[.,][0-9]+)?"
_PLAIN = re.compile(rf"({_NUMBER})( ?%)?")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:[ '_\xa0\u202f][0-9]{3})+")
_COMPARED = re.compile(rf"(>=|=>|≥|<=|=<|≤|>|<|==?|!=|≠) *({_NUMBER}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})")
_VERSIONED = re.compile(
    r"(>=|=>|≥|<=|=<|≤|>|<|==?|!=|≠|\^|~)? *v?([0-9]+(?:\.[0-9]+){0,2}(?:[-+][0-9A-Za-z.+-]*)?)"
)
_WILDCARDS = re.compile(r"((?:[0-9]{1,3}\.){1,3})\*(?:\.\*){0,2}")
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
    "older_than": "more_than_ago",
    "newer_than": "less_than_ago",
    **dict.fromkeys(("next", "within_next", "coming"), "in_next"),
    "birthday": "anniversary",
    "attribute": "eq: {attribute: …}",
    **dict.fromkeys(("some", "any_element"), "any_item"),
    **dict.fromkeys(("every", "all_elements"), "all_items"),
    **dict.fromkeys(("length", "len"), "size"),
    **dict.fromkeys(("cidr", "in_cidr", "in_subnet", "ip_in_range"), "in_network"),
    **dict.fromkeys(("case_insensitive", "nocase"), "ignore_case: true beside the operator"),
}
"""What signs and words of other languages are here."""
_TEST = re.compile(r"([A-Za-z_][\w.-]*) *(>=|=>|≥|<=|=<|≤|<>|>|<|==|=|!=|≠) *([^\s<>=!{}\[\],]+)")
_PRICE = re.compile(rf"(?:€|\$|£|¥|[A-Z]{{3}} ?)?({_NUMBER}) ?(?:€|\$|£|¥|[A-Z]{{3}})?")
_EUROPEAN = re.compile(r"[-+]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+")
_AMERICAN = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")
_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_DAYS = {"s": 86400, "m": 1440, "h": 24, "d": 1}
_DAY = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})")
_YEAR_FIRST = re.compile(r"([0-9]{4})[./-]?([0-9]{1,2})[./-]?([0-9]{1,2})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_IN_WORDS = re.compile(
    r"(?:([0-9]{1,2})(?:st|nd|rd|th|\.)? )?([a-z]{3,9})\.?(?: ([0-9]{1,2})(?:st|nd|rd|th)?)?,? ([0-9]{4})"
)
_RANGE = re.compile(rf"({_NUMBER}) *(?:-|–|—|\.\.|to) *({_NUMBER})")
_RATE = re.compile(r"([0-9]+)(?: *(?:/|per|a|every) *(?:([0-9]+[smhdw])|(day|week|month)))?")
_TYPES = {
    **dict.fromkeys(("string", "str", "varchar", "char", "enum"), "text"),
    **dict.fromkeys(("float", "double", "decimal", "numeric"), "number"),
    **dict.fromkeys(("int", "long", "bigint"), "integer"),
    **dict.fromkeys(("datetime", "timestamp"), "time"),
    **dict.fromkeys(("list", "array"), "list of text"),
    "bool": "boolean",
    **dict.fromkeys(("semver", "semantic version", "sem_ver"), "version"),
    **dict.fromkeys(("ip_address", "ipaddress", "ipv4", "ipv6", "inet", "ip address"), "ip"),
}
"""What types of other languages are here."""
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


def comparison_of_versions(text: str) -> str:
    """For a text such as `>= 1.2`, `v1.2` or `^1.2` where a version is needed."""
    match = _VERSIONED.fullmatch(text.strip())
    if match is None:
        return ""
    sign, number = match[1], re.sub(r"(^|\.)0+(?=[0-9])", r"\1", match[2])
    if sign in ("^", "~"):
        return "write between, or gte and lt, with two versions"
    operator = _OPERATORS.get(sign)
    return f'write {{{operator}: "{number}"}}' if operator else f'write "{number}"'


def network(text: str) -> str:
    """For a text such as `10.1.*` where a network is needed."""
    match = _WILDCARDS.fullmatch(text.strip())
    if match is None:
        return ""
    given = match[1].rstrip(".").split(".")
    if len(given) > 3:
        return ""
    return f"write {'.'.join([*given, *['0'] * (4 - len(given))])}/{8 * len(given)}"


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
    in_words = _IN_WORDS.fullmatch(text.strip().lower())
    if in_words:
        return _of_words(in_words)
    if first:
        return _written([(first[1], first[2], first[3])])
    match = _DAY.fullmatch(text)
    if match is None:
        return ""
    european, american = (match[4], match[3], match[1]), (match[4], match[1], match[3])
    return _written([european] if match[2] == "." or match[1] == match[3] else [european, american])


def _of_words(match: re.Match[str]) -> str:
    """For a day whose month is a word."""
    before, word, after, year = match.groups()
    if word[:3] not in _MONTHS or bool(before) is bool(after):
        return ""
    return _written([(year, str(_MONTHS.index(word[:3]) + 1), before or after)])


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


def clock(hour: int) -> str:
    """For a number where an hour in quotes is needed."""
    return f'write "{hour:02}:00"' if 0 <= hour <= 24 else "put it in quotes"


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


def flag(value: object) -> str:
    """For what is not true or false where one of them is needed."""
    if isinstance(value, str):
        return boolean(value)
    return f"write {'true' if value else 'false'}" if value in (0, 1) else ""


def between(text: str) -> str:
    """For a text such as `18-30` where a number is compared."""
    match = _RANGE.fullmatch(text.strip())
    return (
        f"write {{between: [{match[1]}, {match[2]}]}}".replace(",", ".").replace(". ", ", ") if match else ""
    )


def choice(word: str, choices: Collection[str]) -> str:
    """The choice that a word stands for: a type of another language, or a day of the week in full; empty for none."""
    lowered = word.lower()
    meant = _TYPES.get(lowered, lowered)
    if meant not in choices and lowered.removesuffix("day") != lowered:
        meant = lowered[:3]
    return meant if meant in choices else ""


def whole(noun: str, value: object) -> str:
    """For a value where the mapping of a gap or a cap is needed: `48h`, `1 per 7d`, `3`."""
    text = str(value).strip()
    if noun == "holidays" and re.fullmatch("[A-Z]{2}", text):
        return f"write {{country: {text}}}"
    if noun == "gap" and _SPAN.fullmatch(text):
        return f"write {{at_least: {text}}}"
    rate = _RATE.fullmatch(text) if noun == "cap" and not isinstance(value, bool) else None
    if rate is None:
        return ""
    window = f"calendar {rate[3]}" if rate[3] else f"rolling {rate[2] or '7d'}"
    return f"{'write' if rate[2] or rate[3] else 'for example'} {{limit: {rate[1]}, per: {window}}}"


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
