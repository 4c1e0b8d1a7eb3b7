"""Writes the 400 dealers of rules/car-drive-to-store: `python scripts/make-dealers.py > rules/car-drive-to-store/dealers.csv`.

Method: by a generator with the seed 2026, each dealer gets a town, the first of the list most often (its weight is one
divided by its rank), and a direction and a distance of up to 25 km from the town's centre. Names are put together from
invented parts, so that no two are alike; telephone numbers are of the range that France keeps for fiction (ARCEP, decision
2018-0881). Each can make one to five calls a day. No dealer exists. Brittany west of Rennes has none.
"""

import csv
import sys
from collections.abc import Iterator
from math import cos, pi, radians, sin
from random import Random

DEALERS = 400
TOWNS = (
    *(
        ("Paris", 48.857, 2.352),
        ("Marseille", 43.296, 5.381),
        ("Lyon", 45.758, 4.835),
        ("Toulouse", 43.604, 1.444),
    ),
    *(
        ("Nice", 43.703, 7.266),
        ("Nantes", 47.218, -1.554),
        ("Montpellier", 43.611, 3.877),
        ("Strasbourg", 48.584, 7.745),
    ),
    *(
        ("Bordeaux", 44.838, -0.579),
        ("Lille", 50.629, 3.057),
        ("Rennes", 48.117, -1.678),
        ("Reims", 49.258, 4.032),
    ),
    *(
        ("Toulon", 43.124, 5.928),
        ("Grenoble", 45.188, 5.724),
        ("Dijon", 47.322, 5.041),
        ("Angers", 47.478, -0.563),
    ),
    *(
        ("Clermont", 45.777, 3.087),
        ("Tours", 47.394, 0.685),
        ("Limoges", 45.834, 1.262),
        ("Amiens", 49.894, 2.296),
    ),
    *(
        ("Metz", 49.119, 6.176),
        ("Perpignan", 42.689, 2.894),
        ("Rouen", 49.443, 1.099),
        ("Caen", 49.183, -0.371),
    ),
)
FIRST = ("Garage", "Autos", "Salon", "Atelier", "Maison", "Relais")
SECOND = ("Val", "Mont", "Pont", "Roc", "Bel", "Clair", "Haut", "Fon", "Mar", "Sau", "Tour", "Aubre")
THIRD = ("lieu", "court", "nac", "ville", "mont", "sart", "rive", "champ", "bois")
KM_A_DEGREE = 111.195


def dealers() -> Iterator[tuple[str, str, str, str, str, str]]:
    """Name, town, phone, latitude, longitude and calls a day of each."""
    random, calls = Random(2026), Random(2027)  # noqa: S311 no secret
    names = [f"{first} {second}{third}" for first in FIRST for second in SECOND for third in THIRD]
    random.shuffle(names)
    weights = [1 / rank for rank in range(1, len(TOWNS) + 1)]
    for number, name in enumerate(names[:DEALERS]):
        town, latitude, longitude = random.choices(TOWNS, weights)[0]
        angle, km = random.uniform(0, 2 * pi), random.uniform(0, 25)
        north, east = km * sin(angle) / KM_A_DEGREE, km * cos(angle) / KM_A_DEGREE / cos(radians(latitude))
        phone = f"+33 1 99 00 {number // 100:02} {number % 100:02}"
        yield (
            name,
            town,
            phone,
            f"{latitude + north:.4f}",
            f"{longitude + east:.4f}",
            str(calls.randint(1, 5)),
        )


def main() -> None:
    """Prints the table."""
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(("name", "town", "phone", "latitude", "longitude", "calls_a_day"))
    table.writerows(dealers())


if __name__ == "__main__":
    main()
