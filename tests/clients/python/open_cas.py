"""Opens exported CAS files with dkpro-cassis, and prints what it finds: a JSON line a file.

Usage: open_cas.py FILE...

XMI files need the TypeSystem.xml of their export: it is looked for in their folder and in those above.
"""

import json
import pathlib
import sys

import cassis


def type_system_of(path):
    """The type system that is nearest to the file."""
    for folder in path.resolve().parents:
        candidate = folder / "TypeSystem.xml"
        if candidate.exists():
            with candidate.open("rb") as file:
                return cassis.load_typesystem(file)
    raise SystemExit(f"{path}: no TypeSystem.xml beside it")


def open_cas(path):
    """The CAS in the file."""
    with path.open("rb") as file:
        if path.suffix == ".json":
            return cassis.load_cas_from_json(file)
        return cassis.load_cas_from_xmi(file, typesystem=type_system_of(path))


def main():
    for name in sys.argv[1:]:
        cas = open_cas(pathlib.Path(name))
        text = cas.sofa_string or ""
        annotations = []
        for annotation in cas.select_all_annotations():
            begin = getattr(annotation, "begin", None)
            end = getattr(annotation, "end", None)
            if begin is None or end is None:
                continue
            annotations.append(
                {
                    "begin": begin,
                    "end": end,
                    "type": annotation.type.name,
                    "value": annotation["value"] if annotation.type.get_feature("value") else None,
                    "text": annotation.get_covered_text(),
                }
            )
        print(json.dumps({"file": name, "length": len(text), "annotations": annotations}, ensure_ascii=False))


if __name__ == "__main__":
    main()
