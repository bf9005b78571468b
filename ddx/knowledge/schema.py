"""The JSON schema of the network format, generated from the classes that the loader checks against."""

from __future__ import annotations

import json
import sys

from ddx.knowledge import spec


def json_schema() -> str:
    """The schema of `network/1` and `view/1` files, as JSON text that ends in a newline."""
    from pydantic import TypeAdapter

    schemas = [TypeAdapter(cls).json_schema() for cls in (spec.Network, spec.ViewFile)]
    definitions: dict[str, object] = {}
    choices = []
    for schema in schemas:
        definitions.update(schema.pop("$defs", {}))
        definitions[schema["title"]] = schema
        choices.append({"$ref": f"#/$defs/{schema['title']}"})
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ddx network format, version 1",
        "oneOf": choices,
        "$defs": definitions,
    }
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_schema())
