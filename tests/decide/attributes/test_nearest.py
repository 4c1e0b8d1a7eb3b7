"""The nearest place of a set: its fields and its distance, and the table that the places are from."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.decide.attributes.derive import distance_km, nearest_search
from engine.decide.compiled import compile_book
from engine.model.request import Request
from engine.model.values import Value
from engine.rulebook.load import load, load_files, load_text
from engine.rulebook.model.derived import PlaceSet, Site
from tests.decide.arbitrate.shop import NOW, decided

BOOK = """
book: {name: near, timezone: Europe/Paris, locale: fr}
places: {stores: {file: stores.csv}, head.office: {latitude: 48.85, longitude: 2.35, fields: {phone: "01"}}}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
offers: {drive: {name: Drive}, mail: {name: Mail}}
campaigns:
  drive:
    offer: drive
    tier: 1
    when: {near: {place: stores, within_km: 50}, none: [{nearest.stores.kind: closed}]}
    placements: [hero]
    variants:
      at:
        content:
          default:
            title: "{nearest.stores.name|ici}, {nearest.stores.distance:number 1} km, {nearest.head.office.phone}"
  mail:
    offer: mail
    placements: [hero]
    variants: {all: {content: {default: {title: "{nearest.stores.name|partout}"}}}}
"""
STORES = (
    b"name,kind,latitude,longitude\r\nParis,open,48.9,2.35\r\nLyon,closed,45.76,4.83\r\n,open,43.3,5.37\r\n"
)


def shown(latitude: float | None, longitude: float, files: dict[str, bytes]) -> str:
    """The title that the website shows there."""
    book = load_files(files).book
    assert book is not None
    given: dict[str, Value] = {}
    if latitude is not None:
        given = {"location.latitude": latitude, "location.longitude": longitude}
    return (
        decided(compile_book(book), Request("ann", NOW, given, placement="hero")).offers[0].content["title"]
    )


FILES = {"book.yaml": BOOK.encode(), "stores.csv": STORES}


@pytest.mark.parametrize(
    ("latitude", "longitude", "title"),
    [
        (48.8, 2.35, "Paris, 11,1 km, 01"),
        (45.8, 4.83, "Lyon"),
        (43.3, 5.37, "ici, 0,0 km, 01"),
        (40.4, -3.7, "partout"),
        (48.0, 3.0, "Paris"),
        (None, 0, "partout"),
    ],
)
def test_texts_and_conditions_read_the_nearest(latitude: float | None, longitude: float, title: str) -> None:
    """Its fields, and the distance; an empty cell is missing, and so is everything without coordinates."""
    assert shown(latitude, longitude, FILES) == title


def test_the_table_is_part_of_the_book(tmp_path: Path) -> None:
    """The version has it, and the book's text too, by which a log replays; tables that no book names are left alone."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "people.csv").write_bytes(b"\xff" * (3 << 20))
    book = load(tmp_path).book
    assert book is not None
    assert "people" not in book.text
    again = load_text(book.text).book
    assert again == book
    (tmp_path / "stores.csv").write_bytes(STORES.replace(b"\r\n", b"\n").replace(b"Paris,", b" Paris ,"))
    alike = load(tmp_path).book
    (tmp_path / "stores.csv").write_bytes(STORES.replace(b"48.9", b"48.8"))
    moved = load(tmp_path).book
    assert alike is not None
    assert moved is not None
    assert alike.version == book.version != moved.version


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """As for the other files of a book."""
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "book.yaml").write_bytes(BOOK.encode())
    (tmp_path / "stores.csv").write_bytes(STORES)
    (folder / "stores.csv").symlink_to(tmp_path / "stores.csv")
    (error,) = [problem for problem in load(folder).diagnostics if problem.code == "file"]
    assert error.message == "'stores.csv': a link that leaves the book's folder"


COORDINATES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
places = st.lists(COORDINATES, min_size=1, max_size=30)


@given(here=COORDINATES, points=places)
@example(here=(0.0, 180.0), points=[(0.0, -180.0), (0.0, 180.0)])
@example(here=(90.0, 0.0), points=[(90.0, 90.0), (90.0, -90.0)])
@example(here=(0.0, 0.0), points=[(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0)])
@example(
    here=(48.0, 2.0), points=[(48.0, 2.0 + 1e-7), (48.0 + 1e-9, 2.0), (48.0, 2.0 + 1e-8), (48.0, 2.0 + 1e-9)]
)
@example(here=(30.0, 10.0), points=[(-30.0, -170.0), (-30.0 + 1e-7, -170.0), (-30.0, -170.0 + 1e-6)])
def test_the_search_finds_what_trying_all_finds(
    here: tuple[float, float], points: list[tuple[float, float]]
) -> None:
    """Of equally near places the first."""
    place_set = PlaceSet("x", tuple(Site(*point, {"number": str(i)}) for i, point in enumerate(points)))
    site, km = nearest_search(place_set).find(*here)
    distances = [distance_km(*here, *point) for point in points]
    assert (km, site.fields["number"]) == (min(distances), str(distances.index(min(distances))))
