"""Books for tests, as marketers would write them, and what turns them into something that decides."""

from pathlib import Path
from textwrap import dedent

from engine.decide.compiled import CompiledBook, compile_book
from engine.rulebook.load import load
from engine.rulebook.report.diagnostics import render

SPRING = """
book: {name: spring, timezone: Asia/Shanghai, salt: s1, lawful_basis: {health: consent form 7}}
attributes:
  profile.age: {type: integer, min: 0, max: 130}
  profile.tier: {type: text, one_of: [bronze, silver, gold]}
  profile.first_name: {type: text}
  profile.interests: {type: list of text}
  profile.birthday: {type: date}
  profile.last_visit: {type: time}
  profile.score: {type: number, min: 0, max: 1}
  profile.member: {type: boolean}
  profile.allergy: {type: text, sensitive: health}
  profile.openid: {type: text}
  profile.phone: {type: text}
channels:
  web: {kind: inbound}
  wechat: {kind: outbound, address: profile.openid, consent: wechat, on_silence: confirm}
  sms: {kind: outbound, address: profile.phone, consent: sms, hold: 24h, on_silence: release}
placements:
  hero: {channel: web, max_offers: 2, fallback: brand}
  corner: {channel: web}
offers:
  brand: {name: Brand story, content: {default: {title: Our story}}}
  cream: {name: Rich cream, category: skincare, value: 10, tags: [winter]}
  lotion: {name: Light lotion, category: skincare, value: 8}
  points: {name: Points, value: 1, content: {default: {title: Points expire}}}
campaigns:
  cream-cold:
    offer: cream
    when: {weather.temperature_c: {lt: 10}}
    channels: [wechat, sms]
    placements: [hero]
    propensity: {attribute: profile.score, default: 0.5}
    boosts: [{when: {profile.tier: gold}, by: 2}]
    variants:
      dry: {when: {weather.humidity_pct: {lt: 40}}, content: {default: {title: "Dry air, {profile.first_name|friend}?"}}}
      plain: {when: {weather.humidity_pct: {gte: 40}}, content: {default: {title: Winter is here}, sms: {text: Cream}}}
  lotion-mild:
    offer: lotion
    when: {any: [{weather.temperature_c: {gte: 10}}, {profile.interests: {has: lotion}}]}
    channels: [wechat, sms]
    placements: [hero, corner]
    variants:
      classic: {share: 1, content: {default: {title: Classic}}}
      bold: {share: 3, content: {default: {title: Bold}}}
  points-expire:
    offer: points
    category: service
    when: {profile.member: true}
    channels: [sms]
  allergy-care:
    offer: points
    tier: -1
    when: {profile.allergy: nuts}
    channels: [sms]
pressure:
  caps:
    weekly: {limit: 2, per: rolling 7d, count: {kind: outbound}, except: {category: service}}
    sms-rarely: {limit: 1, per: rolling 30d, count: {channel: sms}, except: {category: service}}
"""
"""A small book that uses everything that the first version knows."""


def write_book(folder: Path, text: str = SPRING) -> Path:
    """Writes the text as the only file of a book; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "book.yaml").write_text(dedent(text), encoding="utf-8")
    return folder


def compiled_book(folder: Path, text: str = SPRING) -> CompiledBook:
    """The text as a live book; fails with its diagnostics when it does not load."""
    loaded = load(write_book(folder, text))
    assert loaded.book is not None, render(loaded.diagnostics)
    return compile_book(loaded.book)
