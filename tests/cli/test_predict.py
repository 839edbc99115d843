"""``seqkit predict``: what goes in, what comes out, and that offsets are true for any text."""

import io
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seqkit as library
from seqkit.estimator import MAX_CHUNK_TEXTS
from seqkit.training.device import cpu_has_bfloat16
from seqkit_cli.input_lines import read_lines
from tests.awkward import texts
from tests.command_line import options, seqkit, tiny_run, write_corpus
from tests.tiny import ROWS

TEXT = "😀 Ada Lund met Bo in Ghent."
ENTITIES = [(2, 10, "Ada Lund", "PER"), (15, 17, "Bo", "PER"), (21, 26, "Ghent", "LOC")]


def found_in(out: str) -> list[dict[str, Any]]:
    """The JSON objects of an output with one a line; only line feeds end a line."""
    assert out == "" or out.endswith("\n")
    return [json.loads(line) for line in out.split("\n")[:-1]]


def quadruples(found: dict[str, Any]) -> list[tuple[int, int, str, str]]:
    return [(each["start"], each["end"], each["text"], each["label"]) for each in found["entities"]]


def assert_offsets(text: str, found: dict[str, Any]) -> None:
    """Every span is what the text has there, in order and apart from the others."""
    assert found["text"] == text
    spans = found.get("entities", found.get("tokens", []))
    assert all(text[span["start"] : span["end"]] == span["text"] != "" for span in spans)
    assert all(left["end"] <= right["start"] for left, right in itertools.pairwise(spans))
    assert all(span["confidence"] is None or 0 <= span["confidence"] <= 1 for span in spans)


def test_json_has_offsets_labels_and_confidence() -> None:
    done = seqkit("predict", tiny_run("ner"), TEXT, "--json", "--device=cpu")
    assert (done.code, done.err) == (0, "")
    (found,) = found_in(done.out)
    assert found.keys() == {"text", "entities"}
    assert quadruples(found) == ENTITIES
    assert_offsets(TEXT, found)
    (library_finds,) = library.load(tiny_run("ner"), device="cpu").predict([TEXT])
    assert [each["confidence"] for each in found["entities"]] == [e.confidence for e in library_finds.entities]
    assert seqkit("predict", tiny_run("ner"), TEXT, "--format=jsonl", "--device=cpu").out == done.out


@pytest.mark.skipif(not cpu_has_bfloat16(), reason="this CPU has no bfloat16 instructions")
def test_precision_is_that_of_the_library() -> None:
    (exact,), (rounded,) = (
        found_in(seqkit("predict", tiny_run("ner"), TEXT, "--json", "--device=cpu", f"--precision={precision}").out)
        for precision in ("float32", "bfloat16")
    )
    tagger = library.Tagger.load(tiny_run("ner"), device="cpu", precision="bfloat16")
    assert [each["confidence"] for each in rounded["entities"]] == [
        e.confidence for e in tagger.predict([TEXT])[0].entities
    ]
    assert quadruples(rounded) == quadruples(exact) == ENTITIES
    assert rounded != exact


def test_plain_tags_have_a_confidence_each() -> None:
    (found,) = found_in(seqkit("predict", tiny_run("pos"), "Ada slept.", "--json").out)
    assert found.keys() == {"text", "tokens"}
    assert [(each["start"], each["end"], each["tag"]) for each in found["tokens"]] == [
        (0, 3, "PROPN"),
        (4, 9, "VERB"),
        (9, 10, "PUNCT"),
    ]
    assert_offsets("Ada slept.", found)
    assert all(0 < each["confidence"] <= 1 for each in found["tokens"])


def test_text_is_marked() -> None:
    out = seqkit("predict", tiny_run("ner"), TEXT).out
    assert re.sub(r"[01]\.\d\d", "P", out) == "😀 [Ada Lund PER P] met [Bo PER P] in [Ghent LOC P].\n"
    assert seqkit("predict", tiny_run("pos"), "Ada slept.").out == "Ada/PROPN slept/VERB./PUNCT\n"


def test_text_is_coloured_on_a_terminal_alone() -> None:
    plain, colored = seqkit("predict", tiny_run("ner"), TEXT), seqkit("predict", tiny_run("ner"), TEXT, terminal=True)
    assert "\x1b" not in plain.out
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored.out) == plain.out
    styles = re.findall(r"\x1b\[([0-9;]+)m\[(Ada Lund|Bo|Ghent)\x1b\[0m", colored.out)
    assert [name for _, name in styles] == ["Ada Lund", "Bo", "Ghent"]
    assert styles[0][0] == styles[1][0] != styles[2][0]  # a colour a label


def test_conll_output_can_be_read_again(tmp_path: Path) -> None:
    lines = [" ".join(tokens) for tokens in ROWS["tokens"]]
    done = seqkit("predict", tiny_run("ner"), "--input=-", "--format=conll", stdin="\n".join(lines).encode())
    assert done.code == 0
    blocks = [block.splitlines() for block in done.out.removesuffix("\n\n").split("\n\n")]
    assert [[line.split("\t")[0] for line in block] for block in blocks] == ROWS["tokens"]
    path = tmp_path / "silver.conll"
    path.write_text(done.out, encoding="utf-8")
    scores = json.loads(seqkit("evaluate", tiny_run("ner"), "--corpus", path, "--json").out)
    assert (scores["f1"], scores["accuracy"]) == (1, 1)  # the run agrees with itself


def test_a_text_alone_goes_to_the_newest_run(monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run("ner")
    monkeypatch.chdir(run.parents[1])
    wanted = seqkit("predict", run, TEXT, "--json").out
    assert seqkit("predict", TEXT, "--json").out == wanted
    assert seqkit("predict", "--json", stdin=TEXT.encode()).out == wanted
    assert seqkit("predict", "runs/ner", "--json", stdin=TEXT.encode()).out == wanted
    assert seqkit("predict", "runs/ner", "--input=-", "--json", stdin=TEXT.encode()).out == wanted


def test_a_text_may_be_longer_than_a_file_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_run("ner").parents[1])
    text = "Bo ran. " * 1000
    assert found_in(seqkit("predict", text, "--json").out)[0]["text"] == text


@given(lines=st.lists(texts, min_size=1, max_size=6))
@settings(max_examples=15)
@pytest.mark.slow
def test_offsets_are_true_for_any_text_of_a_file(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("input") / "texts.jsonl"
    path.write_text("".join(json.dumps({"id": 1, "text": line}) + "\n" for line in lines), encoding="utf-8")
    for task in ("ner", "pos"):
        done = seqkit("predict", tiny_run(task), "--input", path, "--json")
        assert (done.code, done.err) == (0, "")
        for line, found in zip(lines, found_in(done.out), strict=True):
            assert_offsets(line, found)
    plain = [line.replace("\n", "") for line in lines]
    content = "\n".join(plain).encode()
    done = seqkit("predict", tiny_run("ner"), "--input=-", "--json", stdin=content)
    expected = [line.removesuffix("\r") for line in plain]
    expected[0] = expected[0].removeprefix("\ufeff")  # a byte order mark is no text
    if not plain[-1]:
        expected.pop()  # the line feed before it ends a line and begins none
    for line, found in zip(expected, found_in(done.out), strict=True):
        assert_offsets(line, found)


WORDS = ["Ada", "Lund", "met", "Bo-in", "Ghent", "don't", "."]


@pytest.mark.parametrize("task", ["ner", "pos"])
def test_lines_of_words_are_tagged_as_these_words(task: str, tmp_path: Path) -> None:
    (expected,) = library.load(tiny_run(task), device="cpu").predict([WORDS])
    line = "  ".join(WORDS)  # spaces separate words, and are no part of the text
    path = tmp_path / "words.txt"
    path.write_text(f"{line}\n\tBo ran \n\n", encoding="utf-8")
    for given_ in ([line], ["--input", path], ["--input=-"]):
        options = ["--tokens", "--json", "--device=cpu"]  # the same bits for any number of rows
        found = found_in(seqkit("predict", tiny_run(task), *given_, *options, stdin=line.encode()).out)
        assert found[0] == json.loads(json.dumps(expected.to_dict()))
        assert_offsets(" ".join(WORDS), found[0])
    done = seqkit("predict", tiny_run(task), "--input", path, "--tokens", "--format=conll")
    blocks = [block.splitlines() for block in done.out.split("\n\n")]
    assert [[row.split("\t")[0] for row in block] for block in blocks[:2]] == [WORDS, ["Bo", "ran"]]
    assert seqkit("predict", tiny_run(task), "A b\u00a0c", "--tokens", "--format=conll").out.count("\n") == 3


@pytest.mark.parametrize("field", ["tokens", "words"])
def test_json_lines_of_tokens_are_tagged_as_these_words(field: str, tmp_path: Path) -> None:
    path = tmp_path / "words.jsonl"
    rows = [{field: [*WORDS, "New York"]}, {"text": "Ada met Bo-in"}, {"text": "Bo ran.", field: ["Bo", "ran."]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def words(*options_: str) -> list[list[str]]:
        out = seqkit("predict", tiny_run("pos"), "--input", path, "--json", *options_).out
        return [[token["text"] for token in found["tokens"]] for found in found_in(out)]

    plain = [token.text for token in library.load(tiny_run("pos"), device="cpu").predict(["Ada met Bo-in"])[0].tokens]
    assert words() == [[*WORDS, "New York"], plain, ["Bo", "ran", "."]]
    assert words("--tokens") == [[*WORDS, "New York"], ["Ada", "met", "Bo-in"], ["Bo", "ran."]]


def test_a_classifier_reads_no_tokens(tmp_path: Path) -> None:
    done = seqkit("predict", tiny_run("sentiment"), "a fine day", "--tokens")
    assert done.code == 2
    assert "--tokens" in done.err
    assert "only for taggers" in done.err
    path = tmp_path / "words.jsonl"
    path.write_text('{"tokens": ["a"]}\n')
    done = seqkit("predict", tiny_run("sentiment"), "--input", path)
    assert (done.code, done.err) == (1, f'error: {path}:1: this line is not a JSON object with a "text"\n')


def test_lines_end_at_line_feeds_alone(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes("\ufeffAda slept.\r\n\r\n\u2028Bo\x85ran\x0b\nlast".encode())
    found = found_in(seqkit("predict", tiny_run("ner"), "--input", path, "--json").out)
    assert [each["text"] for each in found] == ["Ada slept.", "", "\u2028Bo\x85ran\x0b", "last"]
    assert found[1]["entities"] == []


def test_empty_input_gives_empty_output(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    for given_ in (["--input=-"], ["--input", tmp_path / "empty.jsonl"]):
        for output in ("text", "jsonl", "conll"):
            done = seqkit("predict", tiny_run("ner"), *given_, "--format", output)
            assert (done.code, done.out, done.err) == (0, "", "")
    assert seqkit("predict", tiny_run("ner"), "").out == "\n"


def test_order_is_kept_over_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqkit.estimator.MAX_CHUNK_TEXTS", 7)
    lines = [f"{'Ada met Bo. ' * (number * 5 % 11)}{number}" for number in range(40)]
    done = seqkit("predict", tiny_run("ner"), "--input=-", "--json", stdin="\n".join(lines).encode())
    assert [each["text"] for each in found_in(done.out)] == lines


def test_input_is_read_as_it_is_needed() -> None:
    class Endless(io.RawIOBase):
        reads = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            line = b"Bo ran.\n"
            self.reads += 1
            buffer[: len(line)] = line
            return len(line)

    tagger, endless = library.load(tiny_run("ner"), device="cpu"), Endless()
    lines = read_lines(io.BufferedReader(endless), "endless")
    results = list(itertools.islice(tagger.stream(lines), MAX_CHUNK_TEXTS + 1))
    assert {result.text for result in results} == {"Bo ran."}
    assert endless.reads <= 3 * MAX_CHUNK_TEXTS


@pytest.mark.slow
def test_a_reader_who_has_seen_enough_ends_it_quietly() -> None:
    run = tiny_run("ner")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
        "OMP_NUM_THREADS": "1",
        "RUN": str(run),
        "SEQKIT": f"{sys.executable} -c 'from seqkit_cli.main import main; main()'",
    }
    for output in ("jsonl", "text"):
        command = f'eval "$SEQKIT" predict "$RUN" --input - --format {output}'
        script = f'yes "Bo ran." | {command} | head -1; echo ${{PIPESTATUS[1]}}'
        done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
        first, code = done.stdout.splitlines()
        assert "Bo" in first
        assert (code, done.stderr) == ("0", "")


@pytest.mark.parametrize(
    ("name", "content", "where", "told"),
    [
        ("a.txt", b"Ada\nBo \xe9\n", 2, "not UTF-8 (byte 0xe9)"),
        ("a.txt", "Ada".encode("utf-16"), 1, "not UTF-8"),
        ("a.jsonl", b'{"text": "Ada"}\n\n{"txt": "Bo"}\n', 3, '"text"'),
        ("a.jsonl", b'{"text": "Ada"}\n{"text": 7}\n', 2, '"text"'),
        ("a.jsonl", b"Ada ran\n", 1, "JSON"),
        ("a.ndjson", b'{"text": "Ada"}\n[]\n', 2, "JSON"),
        ("a.jsonl", b"[" * 100_000 + b"\n", 1, "not a JSON object"),
        ("a.jsonl", b'{"text": "half \\ud83d"}\n', 1, "surrogate"),
        ("a.jsonl", b'{"text": ["Ada"]}\n', 1, '"text" or "tokens"'),
        ("a.jsonl", b'{"tokens": ["half \\ud83d"]}\n', 1, "surrogate"),
        ("a.jsonl", b'{"tokens": "Ada ran"}\n', 1, "'tokens': a list of tokens is needed, not 'Ada ran'"),
        ("a.jsonl", b'{"tokens": ["Ada", null]}\n', 1, "'tokens': token 2 is None, which is not a string"),
    ],
)
def test_bad_input_names_file_and_line(name: str, content: bytes, where: int, told: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    done = seqkit("predict", tiny_run("ner"), "--input", path, "--json")
    assert done.code == 1
    assert re.fullmatch(rf"error: {re.escape(str(path))}:{where}: [^\n]+\n", done.err)
    assert told in done.err


def test_bad_input_on_stdin_names_the_line() -> None:
    done = seqkit("predict", tiny_run("ner"), "--input=-", stdin=b"Ada\n\n\xff\n")
    assert done.code == 1
    assert done.err.startswith("error: stdin:3: not UTF-8")


def test_input_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.txt", tmp_path):
        done = seqkit("predict", tiny_run("ner"), "--input", path)
        assert (done.code, done.out) == (1, "")
        assert re.fullmatch(rf"error: {re.escape(str(path))}: .*\n", done.err)


def test_a_text_that_is_no_unicode_is_bad_usage() -> None:
    done = seqkit("predict", tiny_run("ner"), "Ada \udcff")
    assert (done.code, done.out) == (2, "")


def test_an_output_that_cannot_hold_a_character_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.command_line.ENCODING", "latin-1")
    done = seqkit("predict", tiny_run("ner"), TEXT, "--json")
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(r"error: latin-1, .*U0001f600.*\n", done.err)


def test_softmax_runs_predict_too(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    assert seqkit("train", "ner", "--corpus", corpus, "--out", tmp_path / "run", *options(head="softmax")).code == 0
    (found,) = found_in(seqkit("predict", tmp_path / "run", TEXT, "--json").out)
    assert_offsets(TEXT, found)


def test_predict_asks_for_a_text_on_a_terminal() -> None:
    done = seqkit("predict", tiny_run("ner"), terminal=True)
    assert (done.code, done.out) == (2, "")
    assert "--input FILE" in done.err


def test_a_language_model_makes_no_predictions() -> None:
    done = seqkit("predict", tiny_run("lm"), TEXT)
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(r"error: .*'lm', which makes no predictions; use 'seqkit generate'\n", done.err)
