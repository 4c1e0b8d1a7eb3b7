"""Makes the invented customers of rules/telecom-churn/tests/people.csv, the same ones every time: seed 2026."""

import csv
import random
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = ROOT / "rules" / "telecom-churn" / "tests" / "people.csv"
SEED, NUMBER = 2026, 400

COLUMNS = (
    "customer",
    "profile.first_name",
    "profile.email",
    "profile.mobile",
    "profile.callback_number",
    "consent__email",
    "consent__sms",
    "consent__phone",
    "profile.tenure_months",
    "profile.contract_days_left",
    "profile.monthly_bill",
    "profile.data_used",
    "profile.scores.churn",
    "profile.scores.new_plan",
    "profile.gender",
)


def customer(number: int, random_: random.Random) -> tuple[object, ...]:
    """One customer; gender has no part in anything else."""

    def chance(share: float) -> bool:
        return random_.random() < share

    name = f"c-{number:03}"
    return (
        name,
        random_.choice(("Alex", "Kim", "Robin", "Sam", "Toni")),
        f"{name}@example.org" if chance(0.9) else "",
        f"+44 7700 900{number:03}" if chance(0.8) else "",
        f"+44 20 7946 0{number:03}" if chance(0.3) else "",
        *(str(chance(share)).lower() for share in (0.7, 0.6, 0.3)),
        random_.randint(0, 120),
        random_.randint(0, 730) if chance(0.7) else "",
        round(random_.uniform(10, 110), 2),
        round(random_.betavariate(2, 2) * 1.6, 2),
        round(random_.betavariate(2, 3), 3),
        round(random_.betavariate(2, 5), 3),
        random_.choice(("female", "male")),
    )


def main() -> None:
    """Writes the file."""
    random_ = random.Random(SEED)  # noqa: S311 -- invented customers, no secrets
    with FILE.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(customer(number, random_) for number in range(NUMBER))


if __name__ == "__main__":
    main()
