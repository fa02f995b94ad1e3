"""The JSON Schema of a receipt, made of the types that it is written from and read into.

Out: a schema of draft 2020-12. What it says of a field is the text under the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from highlightr.core.checks import field_docs, kinds_of
from highlightr.core.hashing import SAMPLED, WHOLE
from highlightr.core.types import Reason, Segment, Shot
from highlightr.export.receipt import OPTIONAL
from highlightr.export.receipt_reader import SCHEMA_VERSION, Receipt

_ADDED = ("picture_start_seconds", "audio_tracks", "copied_pictures", "encoded_pictures")
"""Fields that the first receipts of this version lack."""

_INSIDE = (Shot, Segment, Reason)
"""Whose times lie within the video."""

_TYPES = {str: "string", int: "integer", float: "number"}

_UNIT = {"minimum": 0, "maximum": 1}

_RULES: Mapping[str, dict[str, Any]] = {
    name: rule
    for names, rule in (
        ("score weight probability", _UNIT),
        ("scores", {"items": {"type": "number", **_UNIT}, "minItems": 1}),
        ("duration_seconds clip_seconds summary_seconds", {"exclusiveMinimum": 0}),
        ("width height sample_rate channels rank", {"minimum": 1}),
        ("size_bytes copied_pictures encoded_pictures picture_start_seconds", {"minimum": 0}),
        ("sample_aspect_ratio frames_per_second", {"pattern": "^[0-9]+(/[0-9]+)?$"}),
        ("segments quotes", {"minItems": 1}),
        ("hash_kind", {"enum": [WHOLE, SAMPLED]}),
        ("hash", {"pattern": "^[0-9a-f]{64}$"}),
        ("method", {"enum": ["encoded", "copied", "smart"]}),
        ("rotation_degrees", {"enum": [0, 90, 180, 270]}),
        ("timings", {"additionalProperties": {"type": "number", "minimum": 0}}),
        ("title", {"minLength": 1}),
        ("versions", {"required": ["highlightr", "python", "av", "onnxruntime"]}),
    )
    for name in names.split()
}
"""Field to what its type does not tell."""


def receipt_schema() -> dict[str, Any]:
    """The JSON Schema that every receipt of `SCHEMA_VERSION` satisfies."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:highlightr:receipt:{SCHEMA_VERSION}",
        "title": "highlightr receipt",
        "description": "What highlightr chose from one video, from which scores, and by what. Times are seconds of the "
        "source; spans are half-open.",
        **_schema(Receipt),
    }


def _schema(hint: Any) -> dict[str, Any]:
    if is_dataclass(hint):
        return _object(hint)
    kinds, args = kinds_of(hint), get_args(hint)
    if NoneType in args:
        inner = _schema(kinds[0])
        return {"type": [inner["type"], "null"]} if set(inner) == {"type"} else {"oneOf": [{"type": "null"}, inner]}
    if get_origin(hint) is Literal:
        return {"const": args[0]} if len(args) == 1 else {"enum": list(args)}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _schema(args[0])}
    if get_origin(hint) is Mapping:
        return {"type": "object"} | ({} if args[1] is Any else {"additionalProperties": _schema(args[1])})
    return {"type": _TYPES[hint]}


def _object(kind: Any) -> dict[str, Any]:
    hints, docs = get_type_hints(kind), field_docs(kind)
    required, properties = list[str](), dict[str, Any]()
    for item in fields(kind):
        name = item.name
        is_needed = item.default is MISSING or name not in {*OPTIONAL, *_ADDED}
        told = {"description": docs[name]} if name in docs else {}
        rules = {"minimum": 0} if kind in _INSIDE and name.endswith("_seconds") else _RULES.get(name, {})
        # What is left out where there is nothing to say is never null.
        properties[name] = _schema(hints[name] if is_needed else kinds_of(hints[name])[0]) | told | rules
        required += [name] if is_needed else []
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
