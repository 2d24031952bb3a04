"""Opens spaCy's documents with spaCy, and prints what it finds as lines of JSON.

Usage: open_spacy.py FILE...
"""
import json
import sys

import spacy
from spacy.tokens import Doc

vocab = spacy.blank("xx").vocab
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            written = json.loads(line)
            doc = Doc(vocab).from_json(written)
            assert doc.text == written["text"], (doc.text, written["text"])
            groups = [span for group in doc.spans.values() for span in group]
            for span in list(doc.ents) + groups:
                found = {"article": written.get("id"), "label": span.label_, "start": span.start_char,
                         "end": span.end_char, "text": span.text}
                print(json.dumps(found))
