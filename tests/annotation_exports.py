"""Small imitations of what annotation tools export: the same two texts with spans, and the same two with labels."""

import json
from collections.abc import Sequence
from typing import Any

TEXT, OTHER = "Ada met Bo in Ghent.", "Nobody came."
SPANS = [(0, 3, "PER"), (8, 10, "PER"), (14, 19, "LOC")]
GOOD, BAD = "a fine film", "dull, long"


def as_lines(*records: object) -> str:
    return "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)


def result(start: int, end: int, label: str, text: str = TEXT, **more: Any) -> dict[str, Any]:
    """A region that is labelled, as Label Studio's JSON has it."""
    value = {"start": start, "end": end, "text": text[start:end], "labels": [label]}
    return {"from_name": "label", "to_name": "text", "type": "labels", "id": f"r{start}", "value": value, **more}


def choice(*labels: str, control: str = "sentiment", **more: Any) -> dict[str, Any]:
    """What was chosen for a text, as Label Studio's JSON has it."""
    return {"from_name": control, "to_name": "text", "type": "choices", "value": {"choices": labels}, **more}


def task(data: str | dict[str, Any], *results: dict[str, Any], who: object = 1, **more: Any) -> dict[str, Any]:
    """A task of Label Studio with one annotation."""
    annotation = {"id": 7, "completed_by": who, "was_cancelled": False, "result": list(results), "lead_time": 3.2}
    return {
        "id": 1,
        "data": {"text": data} if isinstance(data, str) else data,
        "annotations": [annotation],
        "predictions": [],
        **more,
    }


def json_min(text: str, number: int, who: object = 1, **controls: Any) -> dict[str, Any]:
    """An annotation in Label Studio's JSON-MIN; its times are left out."""
    about = {"annotator": who, "annotation_id": number, "lead_time": 3.2}
    return {"text": text, "id": number, **controls, **about}


def tokens_of(words: Sequence[str]) -> list[dict[str, Any]]:
    """The tokens of words with blanks between them, as Prodigy has them."""
    found, start = [], 0
    for number, word in enumerate(words):
        found.append({"text": word, "start": start, "end": start + len(word), "id": number, "ws": True})
        start += len(word) + 1
    return found


REGIONS = [{"start": start, "end": end, "text": TEXT[start:end], "labels": [label]} for start, end, label in SPANS]
MARKED = [{"start": start, "end": end, "label": label} for start, end, label in SPANS]
OFFSETS = [{"id": n, "start_offset": s, "end_offset": e, "label": label} for n, (s, e, label) in enumerate(SPANS)]
CELL = json.dumps(REGIONS).replace('"', '""')
OPTIONS = [{"id": "pos", "text": "Positive"}, {"id": "neg", "text": "Negative"}]

WITH_SPANS: dict[str, tuple[str, str]] = {
    "Label Studio JSON": (
        "a.json",
        json.dumps([task(TEXT, *[result(*span) for span in SPANS]), task(OTHER)], indent=1),
    ),
    "Label Studio JSON-MIN": ("a.json", json.dumps([json_min(TEXT, 1, label=REGIONS), json_min(OTHER, 2)])),
    "Label Studio CSV": (
        "a.csv",
        f'text,id,label,annotator,annotation_id,lead_time\n"{TEXT}",1,"{CELL}",1,1,3.2\n{OTHER},2,,1,2,3.2\n',
    ),
    "Label Studio TSV": (
        "a.tsv",
        f'text\tid\tlabel\tannotator\tannotation_id\n{TEXT}\t1\t"{CELL}"\t1\t1\n{OTHER}\t2\t\t1\t2\n',
    ),
    "doccano JSONL": (
        "a.jsonl",
        as_lines(
            {"id": 1, "text": TEXT, "label": SPANS, "Comments": []},
            {"id": 2, "text": OTHER, "label": [], "Comments": []},
        ),
    ),
    "doccano JSONL with relations": (
        "a.jsonl",
        as_lines(
            {"id": 1, "text": TEXT, "entities": OFFSETS, "relations": [], "Comments": []},
            {"id": 2, "text": OTHER, "entities": [], "relations": [], "Comments": []},
        ),
    ),
    "doccano JSON": ("a.json", json.dumps([{"text": TEXT, "label": SPANS}, {"text": OTHER, "label": []}])),
    "Prodigy ner.manual": (
        "a.jsonl",
        as_lines(
            {"text": TEXT, "_task_hash": 1, "tokens": tokens_of(TEXT.split()), "spans": MARKED, "answer": "accept"},
            {"text": OTHER, "_task_hash": 2, "tokens": tokens_of(OTHER.split()), "answer": "accept"},
        ),
    ),
    "Prodigy spans": ("a.jsonl", as_lines({"text": TEXT, "spans": MARKED}, {"text": OTHER, "spans": []})),
}
"""File name and content; each is read as two texts, the first with spans."""

WITH_LABELS: dict[str, tuple[str, str]] = {
    "Label Studio JSON": ("a.json", json.dumps([task(GOOD, choice("pos")), task(BAD, choice("neg"))])),
    "Label Studio JSON-MIN": (
        "a.json",
        json.dumps([json_min(GOOD, 1, sentiment="pos"), json_min(BAD, 2, sentiment="neg")], indent=1),
    ),
    "Label Studio CSV": (
        "a.csv",
        f'text,id,sentiment,annotator,annotation_id\n{GOOD},1,pos,1,1\n"{BAD}",2,"{{""choices"": [""neg""]}}",1,2\n',
    ),
    "doccano JSONL": (
        "a.jsonl",
        as_lines({"id": 1, "text": GOOD, "label": ["pos"]}, {"id": 2, "text": BAD, "label": ["neg"]}),
    ),
    "doccano CSV": ("a.csv", f'id,text,label,Comments\n1,{GOOD},pos,\n2,"{BAD}",neg,so#so\n'),
    "doccano seq2seq": (
        "a.jsonl",
        as_lines({"id": 1, "data": GOOD, "label": ["pos"]}, {"id": 2, "data": BAD, "label": ["neg"]}),
    ),
    "doccano intents": (
        "a.jsonl",
        as_lines({"text": GOOD, "cats": ["pos"], "entities": []}, {"text": BAD, "cats": ["neg"], "entities": []}),
    ),
    "Prodigy textcat": (
        "a.jsonl",
        as_lines(
            {"text": GOOD, "label": "pos", "answer": "accept", "_task_hash": 1},
            {"text": BAD, "label": "neg", "answer": "accept", "_task_hash": 2},
        ),
    ),
    "Prodigy choice": (
        "a.jsonl",
        as_lines(
            {"text": GOOD, "options": OPTIONS, "accept": ["pos"], "answer": "accept"},
            {"text": BAD, "options": OPTIONS, "accept": ["neg"], "answer": "accept"},
        ),
    ),
}
"""File name and content; each is read as two texts with one label each."""

CONLL = f"-DOCSTART- -X- O\n{'Ada -X- _ B-PER'}\nmet -X- _ O\nBo -X- _ B-PER\n\nNobody -X- _ O\ncame. -X- _ O\n\n"
"""Label Studio's CoNLL export."""
