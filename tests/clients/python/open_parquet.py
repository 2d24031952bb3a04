"""Opens the Parquet tables of a folder with pyarrow, pandas, DuckDB and, where it is installed, Hugging Face datasets.

Prints what they say, a JSON object a line, once all of them agree:

    {"article": ..., "label": ..., "start": ..., "end": ..., "text": ...}

where `text` is what Python's slice of the article's text covers; and ends with 1 where a row is not what its text says.

    python open_parquet.py FOLDER
"""

import importlib.util
import json
import pathlib
import sys
import tempfile

import duckdb
import pandas
import pyarrow.parquet


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    rows = by_pyarrow(folder)
    for name, read in (("pandas", by_pandas), ("duckdb", by_duckdb), ("datasets", by_datasets)):
        if name == "datasets" and importlib.util.find_spec("datasets") is None:
            continue
        others = read(folder)
        if others != rows:
            sys.exit(f"{name} reads {others}, and pyarrow {rows}")
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))


def by_pyarrow(folder: pathlib.Path) -> list[dict]:
    """Checks every column on the way: the ranges of all units, the attributes and what relations use."""
    articles = pyarrow.parquet.read_table(folder / "articles.parquet").to_pylist()
    annotations = pyarrow.parquet.read_table(folder / "annotations.parquet").to_pylist()
    texts = {row["id"]: row["text"] for row in articles}
    ids = {row["id"] for row in annotations}
    for row in articles:
        assert isinstance(json.loads(row["metadata"]), dict), row
    for row in annotations:
        assert isinstance(json.loads(row["attributes"]), dict), row
        assert all(argument["annotation"] in ids for argument in row["arguments"]), row
        if row["start"] is None:
            continue
        check_spans(texts[row["article"]], row["spans"])
    return [seen(texts, row) for row in annotations]


def check_spans(text: str, spans: list[dict]) -> None:
    """Every unit covers the quote."""
    for span in spans:
        covered = text[span["code_points_start"] : span["code_points_end"]]
        in_utf8 = text.encode()[span["utf8_start"] : span["utf8_end"]]
        in_utf16 = text.encode("utf-16-le")[2 * span["utf16_start"] : 2 * span["utf16_end"]]
        assert covered == span["quote"] == in_utf8.decode() == in_utf16.decode("utf-16-le"), span


def by_pandas(folder: pathlib.Path) -> list[dict]:
    """As a notebook does it: one merge, then a slice."""
    articles = pandas.read_parquet(folder / "articles.parquet")
    annotations = pandas.read_parquet(folder / "annotations.parquet")
    texts = dict(zip(articles["id"], articles["text"]))
    columns = annotations[["article", "label", "start", "end", "text"]].to_dict("records")
    return [seen(texts, {name: plain(value) for name, value in row.items()}) for row in columns]


def by_duckdb(folder: pathlib.Path) -> list[dict]:
    """Joined in SQL, with a look into the lists and the JSON."""
    connection = duckdb.connect()
    names = ["article", "label", "start", "end", "text"]
    found = connection.execute(
        """
        SELECT n.article, n.label, n.start, n."end", n.text, a.text
        FROM read_parquet($annotations) n JOIN read_parquet($articles) a ON a.id = n.article
        ORDER BY n.file_row_number
        """.replace("read_parquet($annotations)", "read_parquet($annotations, file_row_number = true)"),
        {"annotations": str(folder / "annotations.parquet"), "articles": str(folder / "articles.parquet")},
    ).fetchall()
    connection.execute(
        "SELECT spans[1].quote, json_keys(attributes::JSON), len(arguments), anchoring.result FROM read_parquet(?)",
        [str(folder / "annotations.parquet")],
    ).fetchall()
    return [seen({row[0]: row[5]}, dict(zip(names, row))) for row in found]


def by_datasets(folder: pathlib.Path) -> list[dict]:
    """By the loader for Parquet, which has types of its own."""
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:

        def rows(name: str) -> list[dict]:
            files = {"train": str(folder / name)}
            return list(datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache))

        texts = {row["id"]: row["text"] for row in rows("articles.parquet")}
        return [seen(texts, row) for row in rows("annotations.parquet")]


def seen(texts: dict[str, str], row: dict) -> dict:
    """What an annotation says, with the slice of its article's text."""
    start, end, text = row["start"], row["end"], row["text"]
    if start is not None:
        covered = texts[row["article"]][start:end]
        if text is not None and covered != text:
            sys.exit(f"{row['article']}: {start}..{end} is {covered!r}, and the row says {text!r}")
        text = covered
    return {"article": row["article"], "label": row["label"], "start": start, "end": end, "text": text}


def plain(value):
    """pandas' numbers are doubles where some are missing."""
    if isinstance(value, str):
        return value
    return None if pandas.isna(value) else int(value)


main()
