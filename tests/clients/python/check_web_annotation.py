"""Holds Web Annotations against the schemas of the W3C's tests, and prints what they say as lines of JSON.

Usage: check_web_annotation.py SCHEMAS_DIR FILE...
"""
import glob
import json
import os
import sys

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

folder, files = sys.argv[1], sys.argv[2:]
schemas, registry = [], Registry()
for path in sorted(glob.glob(os.path.join(folder, "**", "*.json"), recursive=True)):
    if os.sep + "tools" + os.sep in path:
        continue
    try:
        with open(path, encoding="utf-8") as file:
            schema = json.load(file)
    except ValueError:
        continue
    name = os.path.basename(path)
    registry = registry.with_resource(name, Resource.from_contents(schema, default_specification=DRAFT4))
    if schema.get("assertionType") == "must" and os.sep + "annotations" + os.sep in path:
        schemas.append((name, schema))
assert len(schemas) > 10, "the schemas are not there"

checked = 0
for path in files:
    if not path.endswith(".jsonld"):
        continue
    with open(path, encoding="utf-8") as file:
        page = json.load(file)
    assert page["type"] == "AnnotationPage"
    for item in page["items"]:
        annotation = {"@context": page["@context"], **item}
        for name, schema in schemas:
            checked += 1
            valid = jsonschema.Draft4Validator(schema, registry=registry).is_valid(annotation)
            assert valid == (schema["expectedResult"] == "valid"), (name, schema["errorMessage"], annotation)
        target = item["target"]
        if isinstance(target, dict) and isinstance(target.get("selector"), list):
            quote = next(it for it in target["selector"] if it["type"] == "TextQuoteSelector")
            position = next(it for it in target["selector"] if it["type"] == "TextPositionSelector")
            with open(path.removesuffix(".jsonld") + ".txt", encoding="utf-8", newline="") as file:
                text = file.read()
            covered = text[position["start"] : position["end"]]
            assert covered == quote["exact"], (covered, quote)
            print(json.dumps({"label": item["body"][0]["value"], "text": covered}))
assert checked, "nothing was checked"
