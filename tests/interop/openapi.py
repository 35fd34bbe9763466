"""Third-party validators for OpenAPI documents: each document is valid, and each example matches its schema.
Names the location of each fault."""

import json
import os
from urllib.request import urlopen

from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012


def examples(value, path=()):
    """Returns every schema with an example, the example and its location."""
    if isinstance(value, dict):
        if "schema" in value:
            if "example" in value:
                yield path, value["schema"], value["example"]
            for name, example in value.get("examples", {}).items():
                yield (*path, name), value["schema"], example
        for name, member in value.items():
            if name not in ("example", "examples"):
                yield from examples(member, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from examples(item, (*path, index))


def check(name, document):
    validate(document)
    registry = Registry().with_resource("urn:document", Resource(contents=document, specification=DRAFT202012))
    count = 0
    for path, schema, example in examples({"paths": document["paths"]}):
        if "$ref" in example:
            shared = example["$ref"].rsplit("/", 1)[1]
            example = document["components"]["examples"][shared]["value"]
        schema = json.loads(json.dumps(schema).replace('"#/', '"urn:document#/'))
        problems = list(
            Draft202012Validator(schema, registry=registry, format_checker=FormatChecker()).iter_errors(example)
        )
        assert not problems, f"{name}: {'/'.join(map(str, path))}: {problems[0].message}\n{json.dumps(example)}"
        count += 1
    assert count > 50, f"{name}: only {count} examples"


for name, url in json.loads(os.environ["CLOAKROOM"])["documents"].items():
    with urlopen(url) as answer:
        check(name, json.load(answer))
