"""A book in which everything is on at once, for what must hold whatever the book uses."""

EVERYTHING = """
book: {name: everything, timezone: Europe/Paris}
attributes:
  profile.score: {type: number, min: 0, max: 1}
  profile.age: {type: integer, min: 0, max: 130}
  profile.tier: {type: text}
  profile.mail: {type: text}
  profile.wish: {type: integer}
channels:
  web: {kind: inbound}
  mail:
    kind: outbound
    address: profile.mail
    consent: mail
    hold: 1h
    on_silence: confirm
    capacity: {limit: 2000, per: calendar day}
  push: {kind: outbound, address: profile.tier, consent: not_needed, hold: 1s, on_silence: release}
places: {store: {latitude: 48.8566, longitude: 2.3522}}
placements: {hero: {channel: web, max_offers: 5, max_per_category: 3, fallback: views}}
events: {stored: true, newest: 100, keep: 30d}
patterns:
  left-in-cart:
    first: {event: add_to_cart, within: 24h}
    then: [{event: view, within: 24h}]
    not_after: {event: purchase, same: item}
    expose: {item: first.item}
signals:
  churn-risk: {when: {profile.score: {gte: 0.8}}}
  cart-abandoned:
    when: {pattern: left-in-cart}
    hold: 2d
    until: {behaviour: {event: purchase, within: 2d, count: {gte: 1}}}
    expose: {item: pattern.left-in-cart.item}
  save-the-customer: {when: {signal: churn-risk, none: [{signal: cart-abandoned}]}, hold: 1h}
audiences:
  buyers: {rfm.frequency: {gte: 1}, rfm.monetary: {gte: 1}, rfm.recency_days: {lte: 30}}
  newcomers: {customer.is_new: true}
offers:
  back: {name: Back, value: 5, content: {default: {title: "Your {signal.cart-abandoned.item|basket}"}}}
  save: {name: Save, value: 4, content: {default: {title: Stay}, mail: {title: "Stay, {profile.tier|friend}"}}}
  views: {name: Views, value: 3, content: {default: {title: Again}}}
  near: {name: Near, value: 2, stock: 400, content: {default: {title: Come by}}}
  snow: {name: Snow, value: 1, tags: [vital], content: {default: {title: Boots}}}
campaigns:
  back: {offer: back, when: {signal: cart-abandoned}, placements: [hero], channels: [mail, push], group: cart}
  save:
    offer: save
    when: {signal: save-the-customer}
    placements: [hero]
    channels: [mail, push]
    propensity: {attribute: profile.score, default: 0.1}
    limits: {per_customer: {limit: 3, per: rolling 7d}, total: 300}
    control: {share: 10%, salt: first}
  views:
    offer: views
    when: {behaviour: {event: view, where: {category: cream}, within: 7d, count: {gte: 2}}}
    placements: [hero]
    boosts: [{when: {now.hour: {between: [8, 20]}}, by: 1.5}]
    variants:
      dear: {when: {audience: buyers}, content: {default: {title: Dear}}}
      hello: {share: 2, content: {default: {title: Hello}}}
  near:
    offer: near
    when: {near: {place: store, within_km: 30}}
    placements: [hero]
    group: cart
    learn: {reward: clicked}
    variants: {short: {content: {default: {title: Come}}}, long: {content: {default: {title: Do come}}}}
  snow:
    offer: snow
    active: {days: [mon, tue, wed, thu, fri, sat, sun], hours: 00:00-23:59}
    when: {any: [{weather.condition: snow}, {weather.tomorrow.temperature_min_c: {lt: 0}}, {audience: newcomers}]}
    placements: [hero]
    channels: [push]
    slot: seasons/winter
    ramp: {from: 2026-01-01, start: 2%, full: 2036-01-01}
holdouts:
  universal: {share: 5%, salt: 2026-h2, except: {tag: vital}}
layers:
  seasons: {salt: spring, slots: {winter: 0-80%, summer: 80-100%}}
pressure:
  caps:
    weekly: {limit: 30, per: rolling 7d, count: {kind: outbound}}
    as-wished: {limit: {attribute: profile.wish, default: 20}, per: calendar day, clock: customer}
  gaps:
    breath: {at_least: 1s, count: {channel: [mail, push]}}
  quiet:
    nights: {channel: mail, from: 23:00, until: 05:00, clock: customer}
    feasts: {channel: mail, holidays: {country: FR}}
  pauses:
    after-complaint: {outcome: [complained, unsubscribed], for: 365d, scope: channel}
    tired: {outcome: ignored, times: 3, within: 30d, for: 14d}
"""
