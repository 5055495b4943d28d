"""As much of JSON Schema (draft 7) as the fixtures of tests/schema and docs/schema use; an unknown keyword is an error, so that no rule is
passed over in silence.

    for fault in jsonschema.faults(schema, value): print(fault)
"""
import re

NOTES = {"$schema", "$id", "title", "description", "definitions", "default", "examples"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def has_type(value, name):
    if name in ("integer", "number"):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and (name == "number" or float(value).is_integer())
    return isinstance(value, TYPES[name])


def units(text):
    """Characters as most receivers count them: UTF-16."""
    return len(text.encode("utf-16-le")) // 2


def faults(schema, value, root=None, place="$"):
    root = root or schema
    if schema is True or schema is False:
        return [] if schema else [f"{place}: not allowed"]
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return faults(target, value, root, place)
    found = []
    for keyword, rule in schema.items():
        if keyword not in NOTES:
            found += RULES[keyword](schema, rule, value, root, place)
    return found


def of_type(_, rule, value, root, place):
    names = rule if isinstance(rule, list) else [rule]
    return [] if any(has_type(value, n) for n in names) else [f"{place}: {value!r:.80} is not {rule}"]


def of_properties(schema, rule, value, root, place):
    if not isinstance(value, dict):
        return []
    return [f for k, v in value.items() if k in rule for f in faults(rule[k], v, root, f"{place}.{k}")]


def of_additional(schema, rule, value, root, place):
    if not isinstance(value, dict):
        return []
    return [f for k, v in value.items() if k not in schema.get("properties", {}) for f in faults(rule, v, root, f"{place}.{k}")]


def of_any(_, rule, value, root, place):
    tried = [faults(s, value, root, place) for s in rule]
    return [] if [] in tried else min(tried, key=len)


def each(items, value, root, place):
    return [f for i, v in enumerate(value) for f in faults(items, v, root, f"{place}[{i}]")] if isinstance(value, list) else []


def bound(kind, measure, ok):
    return lambda _, rule, value, root, place: (
        [] if not isinstance(value, kind) or isinstance(value, bool) or ok(measure(value), rule) else [f"{place}: {measure(value)} against {rule}"])


RULES = {
    "type": of_type,
    "properties": of_properties,
    "additionalProperties": of_additional,
    "anyOf": of_any,
    "allOf": lambda _, rule, value, root, place: [f for s in rule for f in faults(s, value, root, place)],
    "not": lambda _, rule, value, root, place: [] if faults(rule, value, root, place) else [f"{place}: must not match {rule}"],
    "items": lambda _, rule, value, root, place: each(rule, value, root, place),
    "required": lambda _, rule, value, root, place: (
        [f"{place}: {k} is missing" for k in rule if k not in value] if isinstance(value, dict) else []),
    "enum": lambda _, rule, value, root, place: [] if value in rule else [f"{place}: {value!r:.80} is not one of {rule}"],
    "const": lambda _, rule, value, root, place: [] if value == rule and type(value) is type(rule) else [f"{place}: {value!r:.80} is not {rule!r}"],
    "pattern": lambda _, rule, value, root, place: (
        [] if not isinstance(value, str) or re.search(rule, value) else [f"{place}: {value!r:.80} does not match {rule}"]),
    "minLength": bound(str, units, lambda n, rule: n >= rule),
    "maxLength": bound(str, units, lambda n, rule: n <= rule),
    "minItems": bound(list, len, lambda n, rule: n >= rule),
    "maxItems": bound(list, len, lambda n, rule: n <= rule),
    "minimum": bound((int, float), lambda v: v, lambda n, rule: n >= rule),
    "maximum": bound((int, float), lambda v: v, lambda n, rule: n <= rule),
}
