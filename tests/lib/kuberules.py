# SPDX-License-Identifier: Apache-2.0
"""The CEL rules of definitions and policies, as the API server has them: for tests that count which of them refused."""
import re


def rules_of(schema):
    """Each rule of an openAPIV3Schema, those of its parts too."""
    yield from schema.get("x-kubernetes-validations", [])
    for s in list(schema.get("properties", {}).values()) + [schema[n] for n in ("items",) if n in schema]:
        yield from rules_of(s)


def literal(rule):
    """The longest text that a message certainly has."""
    text = rule.get("messageExpression")
    parts = [rule["message"]] if not text else [
        p for lit in re.findall(r'"((?:[^"\\]|\\.)*)"', text) for p in re.split(r"%[sd]", lit.replace('\\"', '"'))]
    return max(parts, key=len)
