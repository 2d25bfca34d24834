#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# scripts/kgen refuses what it does not understand, with file and line, and makes the same of the same.
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import TOP, case, expect, expect_eq, expect_in, main, test  # noqa: E402

KGEN = os.path.join(TOP, "build", "scripts", "kgen", "kgen")
HEAD = """kind: CustomResourceDefinition
spec:
  group: net.example.dev
  scope: Cluster
  names: {kind: NetworkThing, plural: networkthings, shortNames: [nt]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
"""
FIRST = HEAD.count("\n") + 1


def kgen(text, *words):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "thing.yaml")
        with open(path, "w") as f:
            f.write(text)
        p = subprocess.run([KGEN, *(words or ("source", "net")), path], capture_output=True, text=True, timeout=20)
        return p.returncode, p.stdout, p.stderr.replace(folder + "/", "")


def prop(text):
    return HEAD + "              " + text + "\n"


BAD = [
    ("an unknown key", "a: {type: string, maxLength: 3, sorcery: 1}", "a schema: the key sorcery is not understood"),
    ("a key given twice", "a: {type: boolean, type: boolean}", "the key type is given twice"),
    ("an unknown type", "a: {type: number}", "the type number is not understood"),
    ("no type", "a: {description: x}", "type is missing"),
    ("a text without a bound", "a: {type: string}", "a string needs maxLength"),
    ("a list without a bound", "a: {type: array, x-kubernetes-list-type: atomic, items: {type: boolean}}", "a list needs maxItems"),
    ("a list without a type", "a: {type: array, maxItems: 3, items: {type: boolean}}", "a list needs x-kubernetes-list-type"),
    ("a map without a bound", "a: {type: object, additionalProperties: {type: string, maxLength: 3}}", "a map needs maxProperties"),
    ("a map of texts without a bound", "a: {type: object, maxProperties: 3, additionalProperties: {type: string}}", "a string needs maxLength"),
    ("a map of integers", "a: {type: object, maxProperties: 3, additionalProperties: {type: integer}}", "additionalProperties of strings"),
    ("an object of nothing", "a: {type: object}", "an object has properties, or keeps unknown fields"),
    ("an integer without a format", "a: {type: integer}", "format is missing"),
    ("an unknown format", "a: {type: integer, format: int8}", "the format int8 of an integer is not understood"),
    ("bounds that cross", "a: {type: integer, format: int32, minimum: 3, maximum: 2}", "minimum is above maximum"),
    ("a bound that is no number", "a: {type: string, maxLength: many}", 'expected an integer, got "many"'),
    ("a default among no values", "a: {type: string, enum: [b], default: c}", "the default c is not among the values"),
    ("a default of a list", "a: {type: array, maxItems: 1, x-kubernetes-list-type: atomic, default: [], items: {type: boolean}}",
     "a default of this type is not understood"),
    ("a list of lists", "a: {type: array, maxItems: 1, x-kubernetes-list-type: atomic, items: {type: array, maxItems: 1, "
     "x-kubernetes-list-type: atomic, items: {type: boolean}}}", "a list of lists is not understood"),
    ("a key that is not required", "a: {type: array, maxItems: 1, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], "
     "items: {type: object, properties: {k: {type: string, maxLength: 3}}}}", "the key k must be required or have a default"),
    ("keys of a set", "a: {type: array, maxItems: 1, x-kubernetes-list-type: set, x-kubernetes-list-map-keys: [k], "
     "items: {type: string, maxLength: 3}}", "a list of the type map has x-kubernetes-list-map-keys"),
    ("a rule that says nothing", "a: {type: boolean, x-kubernetes-validations: [{rule: self}]}", "a rule without a message helps nobody"),
    ("an unknown key of a rule", "a: {type: boolean, x-kubernetes-validations: [{rule: self, message: m, mood: bad}]}",
     "a rule: the key mood is not understood"),
    ("what is required but not there", "a: {type: object, required: [b], properties: {c: {type: boolean}}}", "b is required but not a property"),
    ("no YAML", "a: {type: string", "did not find expected"),
]


def is_refused(text, message):
    status, out, err = kgen(prop(text))
    expect_eq(status, 1, "exit status")
    expect_in(message, err, "what it says")
    expect(err.startswith("thing.yaml:"), "file and line: " + err)
    expect(FIRST - 1 <= int(err.split(":")[1]) <= FIRST + 1, "the line: " + err)


for name, text, message in BAD:
    case(name + " is refused", is_refused, text, message)


@test
def what_it_understands_is_the_same_each_time():
    text = prop("default: {type: string, maxLength: 3}")
    status, first, err = kgen(text, "header", "net")
    expect_eq((status, err), (0, ""), "exit status")
    expect_in("const char *default_;", first, "a word of C as a field")
    expect_in("struct bw_net_thing_spec {", first, "the struct")
    expect_eq(kgen(text, "header", "net")[1], first, "the second time")


@test
def names_of_fields_read_as_c():
    fields = {"podIPs": "pod_ips", "nodeUID": "node_uid", "requestedIPs": "requested_ips", "clusterID": "cluster_id",
              "totalVFs": "total_vfs", "ingressMbps": "ingress_mbps", "mtu": "mtu", "HTTPPort": "http_port"}
    text = HEAD + "".join("              %s: {type: string, maxLength: 3}\n" % f for f in fields)
    out = kgen(text, "header", "net")[1]
    for c in fields.values():
        expect_in("const char *%s;" % c, out, "a field")


@test
def what_is_open_is_kept_whole():
    text = prop("a: {type: object, x-kubernetes-preserve-unknown-fields: true, default: {}, "
                "properties: {b: {type: string, enum: [None, One], default: None}}}")
    out = kgen(text, "header", "net")[1]
    expect_in("const struct cJSON *raw;", out, "the tree")
    expect_in("_B_ABSENT, /* not given */", out, "what was not given, beside the value None")
    expect_in(".check = ", kgen(text)[1], "what keeps it")


@test
def more_than_one_version_is_refused():
    status, _, err = kgen(prop("a: {type: boolean}").replace("  - name: v1\n", "  - {name: v0}\n  - name: v1\n"))
    expect_eq(status, 1, "exit status")
    expect_in("one version is understood, not 2", err, "what it says")


@test
def the_reference_names_fields_and_rules():
    text = prop("a: {type: string, maxLength: 3, description: What it is., x-kubernetes-validations: "
                "[{rule: 'self != \"x\"', messageExpression: '\"\\\"\" + self + \"\\\" is not for you\"'}]}")
    status, out, err = kgen(text, "reference")
    expect_eq((status, err), (0, ""), "exit status")
    expect_in("| `spec.a` | text | at most 3 characters |  | What it is. |", out, "a field")
    expect_in('- `spec.a`: "..." is not for you', out, "a rule")


main()
