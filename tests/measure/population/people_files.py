"""People files for tests, made with stated seeds."""

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLUMNS = (
    "customer",
    "profile.phone",
    "profile__openid",
    "consent__sms",
    "consents",
    "profile.score",
    "profile.tier",
    "profile.member",
    "profile.interests",
    "profile.last_visit",
    "weather.temperature_c",
    "weather.humidity_pct",
)


def people(number: int, seed: int = 7) -> list[list[str]]:
    """Rows of the columns for the book of tests/books.py, as texts of CSV."""
    random_ = random.Random(seed)
    return [
        [
            f"person-{i}",
            f"+86 1{i:09d}" if random_.random() < 0.8 else "",
            f"openid-{i}" if random_.random() < 0.6 else "",
            random_.choice(["true", "true", "false", ""]),
            random_.choice(["", "wechat", "wechat", "wechat|mail"]),
            random_.choice(["", f"{random_.random():.3f}"]),
            random_.choice(["", "bronze", "silver", "gold"]),
            random_.choice(["", "true", "false"]),
            random_.choice(["", "lotion", "baking|lotion"]),
            random_.choice(["", "2026-02-20T10:00", "2026-02-20T10:00+01:00"]),
            random_.choice(["", str(random_.randint(-9, 12)), f"{random_.uniform(-5, 25):.2f}"]),
            random_.choice(["", str(random_.randint(0, 100))]),
        ]
        for i in range(number)
    ]


def write_csv(path: Path, rows: Sequence[Sequence[Any]], columns: Sequence[str] = COLUMNS) -> Path:
    """Writes the rows below their header."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
    return path


def write_lines(path: Path, documents: Sequence[Any]) -> Path:
    """Writes JSON lines."""
    path.write_text("".join(f"{json.dumps(document)}\n" for document in documents), encoding="utf-8")
    return path
