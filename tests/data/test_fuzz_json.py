"""Damaged exports of annotation tools, mutated byte by byte: read or refused, and nothing else happens."""

import random
import time
from pathlib import Path

import pytest

from seqkit.data.formats import read_rows
from seqkit.errors import SeqkitError
from tests.annotation_exports import (
    OPTIONS,
    SPANS,
    TEXT,
    WITH_LABELS,
    WITH_SPANS,
    as_lines,
    choice,
    json_min,
    result,
    task,
)
from tests.tiny_corpora import write_file

EMOJI = f"😀 {TEXT}"
HYPERTEXT = {"hypertextlabels": ["PER"], "globalOffsets": {"start": 2, "end": 5}, "start": "/text()[1]", "text": "Ada"}
SEVERAL = [
    task(
        EMOJI, result(2, 5, "PER", EMOJI), choice("pos"), choice("sure", id="r2"), {"type": "relation"}, who={"id": 2}
    ),
    {"data": {"text": TEXT}, "annotations": [], "predictions": []},
    json_min(EMOJI, 3, "ann@x", label=[HYPERTEXT], sentiment={"choices": ["pos"]}),
]

FILES: dict[str, tuple[str, str]] = {
    **{f"{name} with spans": file for name, file in WITH_SPANS.items()},
    **{f"{name} with labels": file for name, file in WITH_LABELS.items()},
    "Label Studio of every kind": ("a.jsonl", as_lines(*SEVERAL)),
    "doccano of every kind": (
        "a.jsonl",
        as_lines({"text": EMOJI, "entities": [[2, 5, "X"]], "cats": ["a"], "relations": [1], "doc_id": 3}),
    ),
    "Prodigy of every kind": (
        "a.jsonl",
        as_lines(
            {
                "text": TEXT,
                "spans": SPANS[:1],
                "options": OPTIONS,
                "accept": ["pos"],
                "_task_hash": 1,
                "_annotator_id": "a",
            },
            {"text": "x", "options": OPTIONS, "accept": [], "answer": "ignore", "config": {"choice_style": "multiple"}},
        ),
    ),
    "tokens and tags": ("a.jsonl", as_lines({"tokens": ["Ada", "ran"], "tags": ["B-PER", "O"], "doc_id": "d"})),
    "quotes in UTF-16": (
        "a.json",
        '[{"text": "\\ud83d\\ude00 Ada", "spans": [{"start":3,"end":6,"label":"X","text":"Ada"}]}]',
    ),
    "brat": ("a.ann", "T1\tPER 0 3\tAda\nT2\tPER 8 10\tBo\nR1\tmet Arg1:T1 Arg2:T2\n"),
}
"""For each format the name of a small valid file and its content."""

SPLICES = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"-",
    b"1",
    b"1e9",
    b"\n",
    b"\0",
    b"\xff",
    b"\\ud83d",
]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content after one to four random edits."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(content) + 1)
        stop = min(start + chance.choice([1, 1, 2, 5, 30]), len(content))
        before, part, after = content[:start], content[start:stop], content[stop:]
        splice = chance.choice([*SPLICES, chance.randbytes(1)])
        edits = {
            "insert": before + splice + part + after,
            "delete": before + after,
            "replace": before + splice + after,
            "duplicate": before + part + part + after,
            "truncate": before,
            "swap": before + after[:5] + part + after[5:],
            "null": content.replace(part, b"null", 1) if part else content,
        }
        content = chance.choice(list(edits.values()))
    return content


def read_mutations(folder: Path, name: str, count: int) -> tuple[int, int]:
    """Read mutations of a file; returns how many were read and how many refused."""
    file, content = FILES[name]
    write_file(folder, "a.txt", f"{TEXT}\nMore of it.\n")
    chance = random.Random(f"seqkit {name}")
    read, messages = 0, []
    for _ in range(count):
        (folder / file).unlink(missing_ok=True)
        path = write_file(folder, file, mutated(content.encode(), chance))
        start = time.perf_counter()
        try:
            rows = read_rows(path)
        except SeqkitError as error:
            messages.append(str(error))
        else:
            repr(rows).encode()  # what is read can be written again
            read += 1
        assert time.perf_counter() - start < 5, path.read_bytes()
    assert not any("\n" in message or "\r" in message for message in messages)
    return read, len(messages)


@pytest.mark.filterwarnings("ignore::seqkit.errors.SeqkitWarning")
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_export_is_read_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    read, refused = read_mutations(tmp_path, name, 300)
    assert read > 0
    assert refused > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::seqkit.errors.SeqkitWarning")
@pytest.mark.parametrize("name", FILES)
def test_twenty_thousand_damaged_exports_are_read_or_refused(tmp_path: Path, name: str) -> None:
    read, refused = read_mutations(tmp_path, name, 20_000)
    assert read + refused == 20_000


def test_brackets_nested_deeply_and_long_numbers_are_refused(tmp_path: Path) -> None:
    for content in ("[" * 100_000, '{"text": ' * 100_000, f'[{{"text": "a", "label": {"1" * 5000}}}]'):
        with pytest.raises(SeqkitError, match=r"a\.json:1: not JSON: "):
            read_rows(write_file(tmp_path, "a.json", content))
