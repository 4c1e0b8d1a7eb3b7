import datetime

from engine.api.v1 import values_pb2 as _values_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_COMMIT: _ClassVar[Mode]
    MODE_PREVIEW: _ClassVar[Mode]

class PressureKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESSURE_KIND_UNSPECIFIED: _ClassVar[PressureKind]
    PRESSURE_KIND_QUIET: _ClassVar[PressureKind]
    PRESSURE_KIND_CAP: _ClassVar[PressureKind]
    PRESSURE_KIND_LIMIT: _ClassVar[PressureKind]
    PRESSURE_KIND_GAP: _ClassVar[PressureKind]
    PRESSURE_KIND_CONSENT: _ClassVar[PressureKind]
    PRESSURE_KIND_STOCK: _ClassVar[PressureKind]
    PRESSURE_KIND_TOTAL: _ClassVar[PressureKind]
    PRESSURE_KIND_CAPACITY: _ClassVar[PressureKind]
    PRESSURE_KIND_PAUSE: _ClassVar[PressureKind]
    PRESSURE_KIND_STOP: _ClassVar[PressureKind]
    PRESSURE_KIND_BUDGET: _ClassVar[PressureKind]
    PRESSURE_KIND_OBJECTION: _ClassVar[PressureKind]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_OFFER: _ClassVar[Outcome]
    OUTCOME_FALLBACK: _ClassVar[Outcome]
    OUTCOME_CONTROL: _ClassVar[Outcome]
    OUTCOME_BLOCKED: _ClassVar[Outcome]
    OUTCOME_NOTHING: _ClassVar[Outcome]

class ReasonCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_CODE_UNSPECIFIED: _ClassVar[ReasonCode]
    REASON_CODE_NOT_ACTIVE: _ClassVar[ReasonCode]
    REASON_CODE_NOT_ELIGIBLE: _ClassVar[ReasonCode]
    REASON_CODE_NOT_REQUESTED: _ClassVar[ReasonCode]
    REASON_CODE_UNREACHABLE: _ClassVar[ReasonCode]
    REASON_CODE_NO_CONSENT: _ClassVar[ReasonCode]
    REASON_CODE_QUIET: _ClassVar[ReasonCode]
    REASON_CODE_CAPPED: _ClassVar[ReasonCode]
    REASON_CODE_TOO_SOON: _ClassVar[ReasonCode]
    REASON_CODE_PAUSED: _ClassVar[ReasonCode]
    REASON_CODE_OUT_OF_STOCK: _ClassVar[ReasonCode]
    REASON_CODE_OVER_CAPACITY: _ClassVar[ReasonCode]
    REASON_CODE_GROUP_TAKEN: _ClassVar[ReasonCode]
    REASON_CODE_OUTRANKED: _ClassVar[ReasonCode]
    REASON_CODE_HELD_OUT: _ClassVar[ReasonCode]
    REASON_CODE_CONTROL: _ClassVar[ReasonCode]
    REASON_CODE_CHOSEN: _ClassVar[ReasonCode]
    REASON_CODE_FALLBACK: _ClassVar[ReasonCode]
    REASON_CODE_NO_VARIANT: _ClassVar[ReasonCode]
    REASON_CODE_CATEGORY_FULL: _ClassVar[ReasonCode]
    REASON_CODE_DEGRADED: _ClassVar[ReasonCode]
    REASON_CODE_OTHER_SLOT: _ClassVar[ReasonCode]
    REASON_CODE_RAMPING: _ClassVar[ReasonCode]
    REASON_CODE_NOT_WORTH_IT: _ClassVar[ReasonCode]
    REASON_CODE_OVER_BUDGET: _ClassVar[ReasonCode]
    REASON_CODE_OBJECTED: _ClassVar[ReasonCode]

class ChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_KIND_UNSPECIFIED: _ClassVar[ChangeKind]
    CHANGE_KIND_ATTRIBUTE: _ClassVar[ChangeKind]
    CHANGE_KIND_CONSENT: _ClassVar[ChangeKind]
    CHANGE_KIND_CHANNEL: _ClassVar[ChangeKind]
    CHANGE_KIND_PLACEMENT: _ClassVar[ChangeKind]
    CHANGE_KIND_TIME: _ClassVar[ChangeKind]
    CHANGE_KIND_TIER: _ClassVar[ChangeKind]
    CHANGE_KIND_VALUE: _ClassVar[ChangeKind]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_TRUE: _ClassVar[Verdict]
    VERDICT_FALSE: _ClassVar[Verdict]
    VERDICT_UNKNOWN: _ClassVar[Verdict]

class WatchKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WATCH_KIND_UNSPECIFIED: _ClassVar[WatchKind]
    WATCH_KIND_DECISION: _ClassVar[WatchKind]
    WATCH_KIND_OUTCOME: _ClassVar[WatchKind]
    WATCH_KIND_TREND: _ClassVar[WatchKind]
MODE_UNSPECIFIED: Mode
MODE_COMMIT: Mode
MODE_PREVIEW: Mode
PRESSURE_KIND_UNSPECIFIED: PressureKind
PRESSURE_KIND_QUIET: PressureKind
PRESSURE_KIND_CAP: PressureKind
PRESSURE_KIND_LIMIT: PressureKind
PRESSURE_KIND_GAP: PressureKind
PRESSURE_KIND_CONSENT: PressureKind
PRESSURE_KIND_STOCK: PressureKind
PRESSURE_KIND_TOTAL: PressureKind
PRESSURE_KIND_CAPACITY: PressureKind
PRESSURE_KIND_PAUSE: PressureKind
PRESSURE_KIND_STOP: PressureKind
PRESSURE_KIND_BUDGET: PressureKind
PRESSURE_KIND_OBJECTION: PressureKind
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_OFFER: Outcome
OUTCOME_FALLBACK: Outcome
OUTCOME_CONTROL: Outcome
OUTCOME_BLOCKED: Outcome
OUTCOME_NOTHING: Outcome
REASON_CODE_UNSPECIFIED: ReasonCode
REASON_CODE_NOT_ACTIVE: ReasonCode
REASON_CODE_NOT_ELIGIBLE: ReasonCode
REASON_CODE_NOT_REQUESTED: ReasonCode
REASON_CODE_UNREACHABLE: ReasonCode
REASON_CODE_NO_CONSENT: ReasonCode
REASON_CODE_QUIET: ReasonCode
REASON_CODE_CAPPED: ReasonCode
REASON_CODE_TOO_SOON: ReasonCode
REASON_CODE_PAUSED: ReasonCode
REASON_CODE_OUT_OF_STOCK: ReasonCode
REASON_CODE_OVER_CAPACITY: ReasonCode
REASON_CODE_GROUP_TAKEN: ReasonCode
REASON_CODE_OUTRANKED: ReasonCode
REASON_CODE_HELD_OUT: ReasonCode
REASON_CODE_CONTROL: ReasonCode
REASON_CODE_CHOSEN: ReasonCode
REASON_CODE_FALLBACK: ReasonCode
REASON_CODE_NO_VARIANT: ReasonCode
REASON_CODE_CATEGORY_FULL: ReasonCode
REASON_CODE_DEGRADED: ReasonCode
REASON_CODE_OTHER_SLOT: ReasonCode
REASON_CODE_RAMPING: ReasonCode
REASON_CODE_NOT_WORTH_IT: ReasonCode
REASON_CODE_OVER_BUDGET: ReasonCode
REASON_CODE_OBJECTED: ReasonCode
CHANGE_KIND_UNSPECIFIED: ChangeKind
CHANGE_KIND_ATTRIBUTE: ChangeKind
CHANGE_KIND_CONSENT: ChangeKind
CHANGE_KIND_CHANNEL: ChangeKind
CHANGE_KIND_PLACEMENT: ChangeKind
CHANGE_KIND_TIME: ChangeKind
CHANGE_KIND_TIER: ChangeKind
CHANGE_KIND_VALUE: ChangeKind
VERDICT_UNSPECIFIED: Verdict
VERDICT_TRUE: Verdict
VERDICT_FALSE: Verdict
VERDICT_UNKNOWN: Verdict
WATCH_KIND_UNSPECIFIED: WatchKind
WATCH_KIND_DECISION: WatchKind
WATCH_KIND_OUTCOME: WatchKind
WATCH_KIND_TREND: WatchKind

class DecideRequest(_message.Message):
    __slots__ = ("request_id", "customer", "context", "channels", "placement", "max_offers", "mode", "now")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    MAX_OFFERS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    customer: Customer
    context: Context
    channels: _containers.RepeatedScalarFieldContainer[str]
    placement: str
    max_offers: int
    mode: Mode
    now: _timestamp_pb2.Timestamp
    def __init__(self, request_id: _Optional[str] = ..., customer: _Optional[_Union[Customer, _Mapping]] = ..., context: _Optional[_Union[Context, _Mapping]] = ..., channels: _Optional[_Iterable[str]] = ..., placement: _Optional[str] = ..., max_offers: _Optional[int] = ..., mode: _Optional[_Union[Mode, str]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Customer(_message.Message):
    __slots__ = ("id", "aliases")
    ID_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    id: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ...) -> None: ...

class Context(_message.Message):
    __slots__ = ("profile", "location", "weather", "events")
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    WEATHER_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    profile: Profile
    location: Location
    weather: Weather
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, profile: _Optional[_Union[Profile, _Mapping]] = ..., location: _Optional[_Union[Location, _Mapping]] = ..., weather: _Optional[_Union[Weather, _Mapping]] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ("language", "time_zone", "consents", "preferred_channels", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _values_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_values_pb2.Value, _Mapping]] = ...) -> None: ...
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    language: str
    time_zone: str
    consents: _containers.RepeatedScalarFieldContainer[str]
    preferred_channels: _containers.RepeatedScalarFieldContainer[str]
    attributes: _containers.MessageMap[str, _values_pb2.Value]
    def __init__(self, language: _Optional[str] = ..., time_zone: _Optional[str] = ..., consents: _Optional[_Iterable[str]] = ..., preferred_channels: _Optional[_Iterable[str]] = ..., attributes: _Optional[_Mapping[str, _values_pb2.Value]] = ...) -> None: ...

class Location(_message.Message):
    __slots__ = ("country", "region", "city", "latitude", "longitude", "time_zone")
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    CITY_FIELD_NUMBER: _ClassVar[int]
    LATITUDE_FIELD_NUMBER: _ClassVar[int]
    LONGITUDE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    country: str
    region: str
    city: str
    latitude: float
    longitude: float
    time_zone: str
    def __init__(self, country: _Optional[str] = ..., region: _Optional[str] = ..., city: _Optional[str] = ..., latitude: _Optional[float] = ..., longitude: _Optional[float] = ..., time_zone: _Optional[str] = ...) -> None: ...

class Weather(_message.Message):
    __slots__ = ("temperature_c", "feels_like_c", "humidity_pct", "wind_kph", "precipitation_mm", "condition", "is_day", "tomorrow")
    TEMPERATURE_C_FIELD_NUMBER: _ClassVar[int]
    FEELS_LIKE_C_FIELD_NUMBER: _ClassVar[int]
    HUMIDITY_PCT_FIELD_NUMBER: _ClassVar[int]
    WIND_KPH_FIELD_NUMBER: _ClassVar[int]
    PRECIPITATION_MM_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    IS_DAY_FIELD_NUMBER: _ClassVar[int]
    TOMORROW_FIELD_NUMBER: _ClassVar[int]
    temperature_c: float
    feels_like_c: float
    humidity_pct: float
    wind_kph: float
    precipitation_mm: float
    condition: str
    is_day: bool
    tomorrow: Forecast
    def __init__(self, temperature_c: _Optional[float] = ..., feels_like_c: _Optional[float] = ..., humidity_pct: _Optional[float] = ..., wind_kph: _Optional[float] = ..., precipitation_mm: _Optional[float] = ..., condition: _Optional[str] = ..., is_day: _Optional[bool] = ..., tomorrow: _Optional[_Union[Forecast, _Mapping]] = ...) -> None: ...

class Forecast(_message.Message):
    __slots__ = ("temperature_min_c", "temperature_max_c", "precipitation_mm", "wind_kph", "frost", "hail")
    TEMPERATURE_MIN_C_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_MAX_C_FIELD_NUMBER: _ClassVar[int]
    PRECIPITATION_MM_FIELD_NUMBER: _ClassVar[int]
    WIND_KPH_FIELD_NUMBER: _ClassVar[int]
    FROST_FIELD_NUMBER: _ClassVar[int]
    HAIL_FIELD_NUMBER: _ClassVar[int]
    temperature_min_c: float
    temperature_max_c: float
    precipitation_mm: float
    wind_kph: float
    frost: bool
    hail: bool
    def __init__(self, temperature_min_c: _Optional[float] = ..., temperature_max_c: _Optional[float] = ..., precipitation_mm: _Optional[float] = ..., wind_kph: _Optional[float] = ..., frost: _Optional[bool] = ..., hail: _Optional[bool] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("event_id", "type", "at", "item", "category", "page", "value", "currency", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _values_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_values_pb2.Value, _Mapping]] = ...) -> None: ...
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    type: str
    at: _timestamp_pb2.Timestamp
    item: str
    category: str
    page: str
    value: float
    currency: str
    attributes: _containers.MessageMap[str, _values_pb2.Value]
    def __init__(self, event_id: _Optional[str] = ..., type: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., item: _Optional[str] = ..., category: _Optional[str] = ..., page: _Optional[str] = ..., value: _Optional[float] = ..., currency: _Optional[str] = ..., attributes: _Optional[_Mapping[str, _values_pb2.Value]] = ...) -> None: ...

class DecideResponse(_message.Message):
    __slots__ = ("decision_id", "request_id", "outcome", "offers", "next_allowed_at", "blocked_by", "reasons", "book_version", "decided_at", "signals", "pressure", "degraded", "selection_probability", "error", "next_any_at", "ignored", "maybe_decision_id")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_ALLOWED_AT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    BOOK_VERSION_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    PRESSURE_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    SELECTION_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NEXT_ANY_AT_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    MAYBE_DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    request_id: str
    outcome: Outcome
    offers: _containers.RepeatedCompositeFieldContainer[Offer]
    next_allowed_at: _timestamp_pb2.Timestamp
    blocked_by: _containers.RepeatedScalarFieldContainer[str]
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    book_version: str
    decided_at: _timestamp_pb2.Timestamp
    signals: _containers.RepeatedCompositeFieldContainer[SignalSince]
    pressure: _containers.RepeatedCompositeFieldContainer[PressureReading]
    degraded: bool
    selection_probability: float
    error: _status_pb2.Status
    next_any_at: _timestamp_pb2.Timestamp
    ignored: _containers.RepeatedCompositeFieldContainer[IgnoredName]
    maybe_decision_id: str
    def __init__(self, decision_id: _Optional[str] = ..., request_id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., offers: _Optional[_Iterable[_Union[Offer, _Mapping]]] = ..., next_allowed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., blocked_by: _Optional[_Iterable[str]] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., book_version: _Optional[str] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., signals: _Optional[_Iterable[_Union[SignalSince, _Mapping]]] = ..., pressure: _Optional[_Iterable[_Union[PressureReading, _Mapping]]] = ..., degraded: _Optional[bool] = ..., selection_probability: _Optional[float] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., next_any_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ignored: _Optional[_Iterable[_Union[IgnoredName, _Mapping]]] = ..., maybe_decision_id: _Optional[str] = ...) -> None: ...

class IgnoredName(_message.Message):
    __slots__ = ("name", "meant")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEANT_FIELD_NUMBER: _ClassVar[int]
    name: str
    meant: str
    def __init__(self, name: _Optional[str] = ..., meant: _Optional[str] = ...) -> None: ...

class SignalSince(_message.Message):
    __slots__ = ("name", "since")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    since: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PressureReading(_message.Message):
    __slots__ = ("campaign", "channel", "rule", "kind", "blocks", "counted", "limit", "window", "time_zones", "next_allowed_at", "lapsed", "lifted", "applies_to", "spending")
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONES_FIELD_NUMBER: _ClassVar[int]
    NEXT_ALLOWED_AT_FIELD_NUMBER: _ClassVar[int]
    LAPSED_FIELD_NUMBER: _ClassVar[int]
    LIFTED_FIELD_NUMBER: _ClassVar[int]
    APPLIES_TO_FIELD_NUMBER: _ClassVar[int]
    SPENDING_FIELD_NUMBER: _ClassVar[int]
    campaign: str
    channel: str
    rule: str
    kind: PressureKind
    blocks: bool
    counted: int
    limit: int
    window: str
    time_zones: _containers.RepeatedScalarFieldContainer[str]
    next_allowed_at: _timestamp_pb2.Timestamp
    lapsed: LapsedContacts
    lifted: bool
    applies_to: str
    spending: Spending
    def __init__(self, campaign: _Optional[str] = ..., channel: _Optional[str] = ..., rule: _Optional[str] = ..., kind: _Optional[_Union[PressureKind, str]] = ..., blocks: _Optional[bool] = ..., counted: _Optional[int] = ..., limit: _Optional[int] = ..., window: _Optional[str] = ..., time_zones: _Optional[_Iterable[str]] = ..., next_allowed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lapsed: _Optional[_Union[LapsedContacts, _Mapping]] = ..., lifted: _Optional[bool] = ..., applies_to: _Optional[str] = ..., spending: _Optional[_Union[Spending, _Mapping]] = ...) -> None: ...

class Spending(_message.Message):
    __slots__ = ("spent_micros", "limit_micros", "cost_micros", "currency")
    SPENT_MICROS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_MICROS_FIELD_NUMBER: _ClassVar[int]
    COST_MICROS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    spent_micros: int
    limit_micros: int
    cost_micros: int
    currency: str
    def __init__(self, spent_micros: _Optional[int] = ..., limit_micros: _Optional[int] = ..., cost_micros: _Optional[int] = ..., currency: _Optional[str] = ...) -> None: ...

class LapsedContacts(_message.Message):
    __slots__ = ("contacts", "contacted_at", "lapsed_at")
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    CONTACTED_AT_FIELD_NUMBER: _ClassVar[int]
    LAPSED_AT_FIELD_NUMBER: _ClassVar[int]
    contacts: int
    contacted_at: _timestamp_pb2.Timestamp
    lapsed_at: _timestamp_pb2.Timestamp
    def __init__(self, contacts: _Optional[int] = ..., contacted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lapsed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Offer(_message.Message):
    __slots__ = ("campaign", "offer", "variant", "channel", "placement", "content", "score", "selection_probability", "expires_at")
    class ContentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SELECTION_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    campaign: str
    offer: str
    variant: str
    channel: str
    placement: str
    content: _containers.ScalarMap[str, str]
    score: float
    selection_probability: float
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, campaign: _Optional[str] = ..., offer: _Optional[str] = ..., variant: _Optional[str] = ..., channel: _Optional[str] = ..., placement: _Optional[str] = ..., content: _Optional[_Mapping[str, str]] = ..., score: _Optional[float] = ..., selection_probability: _Optional[float] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("code", "name")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    code: ReasonCode
    name: str
    def __init__(self, code: _Optional[_Union[ReasonCode, str]] = ..., name: _Optional[str] = ...) -> None: ...

class DecideBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[DecideRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[DecideRequest, _Mapping]]] = ...) -> None: ...

class DecideBatchResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[DecideBatchItem]
    def __init__(self, items: _Optional[_Iterable[_Union[DecideBatchItem, _Mapping]]] = ...) -> None: ...

class DecideBatchItem(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: DecideResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[DecideResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("request", "decision_id", "campaigns")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    request: DecideRequest
    decision_id: str
    campaigns: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, request: _Optional[_Union[DecideRequest, _Mapping]] = ..., decision_id: _Optional[str] = ..., campaigns: _Optional[_Iterable[str]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("response", "campaigns", "signals", "notes")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    response: DecideResponse
    campaigns: _containers.RepeatedCompositeFieldContainer[CampaignExplanation]
    signals: _containers.RepeatedCompositeFieldContainer[SignalExplanation]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, response: _Optional[_Union[DecideResponse, _Mapping]] = ..., campaigns: _Optional[_Iterable[_Union[CampaignExplanation, _Mapping]]] = ..., signals: _Optional[_Iterable[_Union[SignalExplanation, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class SignalExplanation(_message.Message):
    __slots__ = ("name", "since", "expires_at", "remembered", "led_by", "condition")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    REMEMBERED_FIELD_NUMBER: _ClassVar[int]
    LED_BY_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    name: str
    since: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    remembered: bool
    led_by: _containers.RepeatedScalarFieldContainer[str]
    condition: ConditionTrace
    def __init__(self, name: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., remembered: _Optional[bool] = ..., led_by: _Optional[_Iterable[str]] = ..., condition: _Optional[_Union[ConditionTrace, _Mapping]] = ...) -> None: ...

class CampaignExplanation(_message.Message):
    __slots__ = ("campaign", "reason", "condition", "score", "details", "pressure", "tier", "rival", "forms", "flips", "searched", "sentence")
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    PRESSURE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    RIVAL_FIELD_NUMBER: _ClassVar[int]
    FORMS_FIELD_NUMBER: _ClassVar[int]
    FLIPS_FIELD_NUMBER: _ClassVar[int]
    SEARCHED_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    campaign: str
    reason: Reason
    condition: ConditionTrace
    score: float
    details: _containers.RepeatedCompositeFieldContainer[Reason]
    pressure: _containers.RepeatedCompositeFieldContainer[PressureReading]
    tier: int
    rival: Rival
    forms: _containers.RepeatedCompositeFieldContainer[FormExplanation]
    flips: _containers.RepeatedCompositeFieldContainer[Flip]
    searched: bool
    sentence: str
    def __init__(self, campaign: _Optional[str] = ..., reason: _Optional[_Union[Reason, _Mapping]] = ..., condition: _Optional[_Union[ConditionTrace, _Mapping]] = ..., score: _Optional[float] = ..., details: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., pressure: _Optional[_Iterable[_Union[PressureReading, _Mapping]]] = ..., tier: _Optional[int] = ..., rival: _Optional[_Union[Rival, _Mapping]] = ..., forms: _Optional[_Iterable[_Union[FormExplanation, _Mapping]]] = ..., flips: _Optional[_Iterable[_Union[Flip, _Mapping]]] = ..., searched: _Optional[bool] = ..., sentence: _Optional[str] = ...) -> None: ...

class Rival(_message.Message):
    __slots__ = ("campaign", "tier", "score")
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    campaign: str
    tier: int
    score: float
    def __init__(self, campaign: _Optional[str] = ..., tier: _Optional[int] = ..., score: _Optional[float] = ...) -> None: ...

class FormExplanation(_message.Message):
    __slots__ = ("channel", "variant", "condition", "lacks", "share")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    LACKS_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    channel: str
    variant: str
    condition: ConditionTrace
    lacks: _containers.RepeatedScalarFieldContainer[str]
    share: float
    def __init__(self, channel: _Optional[str] = ..., variant: _Optional[str] = ..., condition: _Optional[_Union[ConditionTrace, _Mapping]] = ..., lacks: _Optional[_Iterable[str]] = ..., share: _Optional[float] = ...) -> None: ...

class Flip(_message.Message):
    __slots__ = ("kind", "name", "before", "after", "any_value", "then", "sentence")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ANY_VALUE_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    kind: ChangeKind
    name: str
    before: str
    after: str
    any_value: bool
    then: Reason
    sentence: str
    def __init__(self, kind: _Optional[_Union[ChangeKind, str]] = ..., name: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., any_value: _Optional[bool] = ..., then: _Optional[_Union[Reason, _Mapping]] = ..., sentence: _Optional[str] = ...) -> None: ...

class ConditionTrace(_message.Message):
    __slots__ = ("text", "verdict", "value", "parts")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    text: str
    verdict: Verdict
    value: str
    parts: _containers.RepeatedCompositeFieldContainer[ConditionTrace]
    def __init__(self, text: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., value: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[ConditionTrace, _Mapping]]] = ...) -> None: ...

class RecordRequest(_message.Message):
    __slots__ = ("events", "now")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[RecordedEvent]
    now: _timestamp_pb2.Timestamp
    def __init__(self, events: _Optional[_Iterable[_Union[RecordedEvent, _Mapping]]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RecordedEvent(_message.Message):
    __slots__ = ("event_id", "decision_id", "customer", "event", "channel", "campaign", "order")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    decision_id: str
    customer: Customer
    event: Event
    channel: str
    campaign: str
    order: str
    def __init__(self, event_id: _Optional[str] = ..., decision_id: _Optional[str] = ..., customer: _Optional[_Union[Customer, _Mapping]] = ..., event: _Optional[_Union[Event, _Mapping]] = ..., channel: _Optional[str] = ..., campaign: _Optional[str] = ..., order: _Optional[str] = ...) -> None: ...

class RecordResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RecordedResult]
    def __init__(self, results: _Optional[_Iterable[_Union[RecordedResult, _Mapping]]] = ...) -> None: ...

class RecordedResult(_message.Message):
    __slots__ = ("event_id", "accepted", "duplicate", "error", "warning")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    accepted: bool
    duplicate: bool
    error: _status_pb2.Status
    warning: str
    def __init__(self, event_id: _Optional[str] = ..., accepted: _Optional[bool] = ..., duplicate: _Optional[bool] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., warning: _Optional[str] = ...) -> None: ...

class LinkRequest(_message.Message):
    __slots__ = ("customer_ids", "now")
    CUSTOMER_IDS_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    customer_ids: _containers.RepeatedScalarFieldContainer[str]
    now: _timestamp_pb2.Timestamp
    def __init__(self, customer_ids: _Optional[_Iterable[str]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LinkResponse(_message.Message):
    __slots__ = ("customer_id",)
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    def __init__(self, customer_id: _Optional[str] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("cursor", "since", "kinds")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    since: _timestamp_pb2.Timestamp
    kinds: _containers.RepeatedScalarFieldContainer[WatchKind]
    def __init__(self, cursor: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kinds: _Optional[_Iterable[_Union[WatchKind, str]]] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("cursor", "decision", "outcome", "trend")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    TREND_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    decision: WatchedDecision
    outcome: WatchedOutcome
    trend: WatchedTrend
    def __init__(self, cursor: _Optional[str] = ..., decision: _Optional[_Union[WatchedDecision, _Mapping]] = ..., outcome: _Optional[_Union[WatchedOutcome, _Mapping]] = ..., trend: _Optional[_Union[WatchedTrend, _Mapping]] = ...) -> None: ...

class WatchedDecision(_message.Message):
    __slots__ = ("customer_id", "person_id", "response", "placement", "attributes", "masked")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _values_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_values_pb2.Value, _Mapping]] = ...) -> None: ...
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    MASKED_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    person_id: str
    response: DecideResponse
    placement: str
    attributes: _containers.MessageMap[str, _values_pb2.Value]
    masked: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, customer_id: _Optional[str] = ..., person_id: _Optional[str] = ..., response: _Optional[_Union[DecideResponse, _Mapping]] = ..., placement: _Optional[str] = ..., attributes: _Optional[_Mapping[str, _values_pb2.Value]] = ..., masked: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchedOutcome(_message.Message):
    __slots__ = ("event", "recorded_at", "offer", "variant")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    event: RecordedEvent
    recorded_at: _timestamp_pb2.Timestamp
    offer: str
    variant: str
    def __init__(self, event: _Optional[_Union[RecordedEvent, _Mapping]] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., offer: _Optional[str] = ..., variant: _Optional[str] = ...) -> None: ...

class WatchedTrend(_message.Message):
    __slots__ = ("event", "field", "value", "number", "usual", "at")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    USUAL_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    event: str
    field: str
    value: str
    number: int
    usual: float
    at: _timestamp_pb2.Timestamp
    def __init__(self, event: _Optional[str] = ..., field: _Optional[str] = ..., value: _Optional[str] = ..., number: _Optional[int] = ..., usual: _Optional[float] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DueRequest(_message.Message):
    __slots__ = ("since", "within", "follow")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    within: _duration_pb2.Duration
    follow: bool
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., within: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., follow: _Optional[bool] = ...) -> None: ...

class DueResponse(_message.Message):
    __slots__ = ("customer_id", "person_id", "next_allowed_at", "decision_id", "decided_at", "campaigns", "blocked_by")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    NEXT_ALLOWED_AT_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    person_id: str
    next_allowed_at: _timestamp_pb2.Timestamp
    decision_id: str
    decided_at: _timestamp_pb2.Timestamp
    campaigns: _containers.RepeatedScalarFieldContainer[str]
    blocked_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, customer_id: _Optional[str] = ..., person_id: _Optional[str] = ..., next_allowed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decision_id: _Optional[str] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., campaigns: _Optional[_Iterable[str]] = ..., blocked_by: _Optional[_Iterable[str]] = ...) -> None: ...
