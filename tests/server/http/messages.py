"""Messages of any type, made from their descriptors."""

from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_SECONDS = st.integers(-62_135_596_800, 253_402_300_799)
_NANOS = st.sampled_from([0, 1, 1_000, 120_000_000, 999_999_999]) | st.integers(0, 999_999_999)
_INT64 = st.integers(-(2**63), 2**63 - 1)
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: _INT64,
}


def _packed(message: Message) -> Any:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


_DETAILS = [
    _packed(RetryInfo(retry_delay={"seconds": 1, "nanos": 500_000_000})),
    _packed(BadRequest(field_violations=[{"field": "a", "description": "b"}])),
]


def messages(kind: type[Message]) -> st.SearchStrategy[Any]:
    """Messages of a type, with any of their fields."""
    return _fields(kind.DESCRIPTOR, 3).map(lambda fields: kind(**fields))


def _fields(descriptor: Any, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments of a constructor; of the fields of a choice at most one."""
    if descriptor.full_name == "google.protobuf.Timestamp":
        return st.fixed_dictionaries({"seconds": _SECONDS, "nanos": _NANOS})
    if descriptor.full_name == "google.protobuf.Any":
        return st.sampled_from(_DETAILS).map(lambda any_: {"type_url": any_.type_url, "value": any_.value})
    chosen: dict[str, Any] = {}
    choices: dict[str, list[Any]] = {}
    for field in descriptor.fields:
        if depth == 0 and field.message_type is not None and not field.message_type.GetOptions().map_entry:
            continue
        oneof = field.containing_oneof
        if oneof is not None and len(oneof.fields) > 1:
            choices.setdefault(oneof.name, []).append(field)
        else:
            chosen[field.name] = _values(field, depth - 1)
    strategies = [st.fixed_dictionaries({}, optional=chosen)]
    strategies += [
        st.one_of(
            st.just({}), *(st.fixed_dictionaries({field.name: _values(field, depth - 1)}) for field in fields)
        )
        for fields in choices.values()
    ]
    return st.tuples(*strategies).map(
        lambda parts: {name: value for part in parts for name, value in part.items()}
    )


def _values(field: Any, depth: int) -> st.SearchStrategy[Any]:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return st.dictionaries(TEXTS, _of_entry(entry.fields_by_name["value"], depth), max_size=2)
    entries = _of_entry(field, depth)
    return st.lists(entries, max_size=2) if field.is_repeated else entries


def _of_entry(field: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.message_type is not None:
        kind = GetMessageClass(field.message_type)
        return _fields(field.message_type, max(depth, 0)).map(lambda fields: kind(**fields))
    return _SCALARS[field.type]
