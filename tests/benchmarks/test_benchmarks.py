"""The benchmark of tagging quality: features of the baseline, commands that are run, and the printed table."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.crfsuite import PeerResult, crf_class, measure_crf, sentence_features, tag_score
from benchmarks.tagging_quality import (
    CORPORA,
    Benchmark,
    Row,
    Run,
    find_corpora,
    main,
    markdown_table,
    train_and_evaluate,
)
from seqkit.errors import MissingExtraError, SeqkitError
from tests.stand_in import needs_shebang, recording_command

TOY = "Ada\tB-PER\nran\tO\n\nthe\tO\ndog\tO\nran\tO\n\nBo\tB-PER\nran\tO\n"


def test_features_of_a_toy_sentence() -> None:
    first, second, third, fourth = (set(names) for names in sentence_features(["Dr", "McKay", "saw", "7"]))
    assert first == {
        *("bias", "BOS", "title", "prefix=D", "prefix=Dr", "suffix=r", "suffix=Dr"),
        *("word[+0]=dr", "word[+1]=mckay", "word[+2]=saw", "shape[+0]=Xx", "shape[+1]=XxXxx", "shape[+2]=xxx"),
    }
    assert second == {
        *("bias", "prefix=M", "prefix=Mc", "prefix=McK", "prefix=McKa"),
        *("suffix=y", "suffix=ay", "suffix=Kay", "suffix=cKay"),
        *("word[-1]=dr", "word[+0]=mckay", "word[+1]=saw", "word[+2]=7"),
        *("shape[-1]=Xx", "shape[+0]=XxXxx", "shape[+1]=xxx", "shape[+2]=d"),
    }
    assert {"word[-2]=dr", "word[-1]=mckay", "word[+1]=7"} < third
    assert not third & {"title", "upper", "digit", "BOS", "EOS"}
    assert {"digit", "EOS", "prefix=7", "suffix=7", "word[-2]=mckay"} < fourth
    assert not any("dr" in name for name in fourth)


def test_single_token_has_bos_and_eos() -> None:
    assert sentence_features(["USA"])[0][-2:] == ["BOS", "EOS"]
    assert "upper" in sentence_features(["USA"])[0]
    assert sentence_features([]) == []


def test_score_is_strict_micro_f1() -> None:
    gold = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "B-LOC"]]
    predicted = [["B-PER", "O", "O"], ["B-LOC", "O", "B-LOC"]]
    assert tag_score(gold, predicted, "f1") == pytest.approx(2 / 3)
    assert tag_score(gold, predicted, "accuracy") == pytest.approx(5 / 6)


def test_baseline_learns_a_toy_corpus(tmp_path: Path) -> None:
    pytest.importorskip("sklearn_crfsuite", reason="sklearn-crfsuite (extra 'bench') is not installed")
    for split in ("train", "dev"):
        (tmp_path / f"{split}.conll").write_text(TOY, encoding="utf-8")
    assert measure_crf(str(tmp_path), "dev", "f1").score == 1.0
    assert measure_crf(str(tmp_path), "dev", "accuracy").score == 1.0


def test_missing_baseline_is_reported_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn_crfsuite", None)
    with pytest.raises(MissingExtraError, match=r"seqkit\[bench\]"):
        crf_class()
    with pytest.raises(MissingExtraError):
        main(["--corpora", "ner-mini"])


def test_table_has_a_column_for_each_seed_and_the_mean() -> None:
    runs = {
        3: Run(score=0.80, seconds=100.0, tokens_per_second=10_000.0, megabytes=4.0),
        9: Run(score=0.85, seconds=200.0, tokens_per_second=30_000.0, megabytes=5.0),
    }
    rows = [Row(corpus="wnut2017", runs=runs, peer=PeerResult(0.2231, 31.4)), Row(corpus="ner-mini", runs=runs)]
    assert markdown_table(rows, [3, 9]).splitlines() == [
        "| corpus | score | seed 3 | seed 9 | mean | bar | seconds | tokens/s | MB | crfsuite | its seconds |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| wnut2017 | dev F1 | 80.00 | 85.00 | 82.50 | 31.0 | 150 | 20,000 | 4.5 | 22.31 | 31 |",
        "| ner-mini | test F1 | 80.00 | 85.00 | 82.50 | - | 150 | 20,000 | 4.5 | - | - |",
    ]


def test_missing_corpora_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "bc5cdr").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    found, skipped = find_corpora(CORPORA, Path("data"))
    assert found == {"bc5cdr": str(tmp_path / "data" / "bc5cdr"), "ner-mini": "ner-mini"}
    assert [line.split(":")[0] for line in skipped] == [
        "skipped ncbi_disease",
        "skipped wnut2017",
        "skipped ud_english_ewt",
    ]


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    scores = {"f1": 0.5, "accuracy": 0.9, "tokens": 10, "tokens_per_second": 7.0}
    return recording_command(tmp_path, tmp_path / "calls.jsonl", scores=scores, files={})


@needs_shebang
def test_runs_the_commands_of_a_user(recorder: Path) -> None:
    run = train_and_evaluate(str(recorder), Benchmark(task="pos"), "corpus", 2)
    assert (run.score, run.tokens_per_second, run.megabytes) == (0.9, 7.0, 3.0)
    train, evaluate = map(json.loads, recorder.with_name("calls.jsonl").read_text(encoding="utf-8").splitlines())
    folder = train[train.index("--out") + 1]
    assert train == ["train", "pos", "--corpus", "corpus", "--seed", "2", "--out", folder, "--quiet"]
    assert evaluate == ["evaluate", folder, "--corpus", "corpus", "--split", "dev", "--json"]
    assert not Path(folder).exists()
    with pytest.raises(SeqkitError, match=r"train ner .* exit code 1"):
        train_and_evaluate(str(recorder), Benchmark(task="ner"), "corpus", 13)
