"""Corpora of the hub, and folders in the form of a hub repository."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from seqkit.data.corpora import open_corpus
from seqkit.data.corpus_kinds import LABELLED_TEXTS, RUNNING_TEXT, TAGGED_SENTENCES
from seqkit.data.corpus_names import corpus_files, resolve_spec
from seqkit.data.hub import HUB_ALIASES, HUB_CORPORA, commits_of, load_hub
from seqkit.data.texts import open_texts
from seqkit.errors import ConfigError, CorpusError, SeqkitWarning
from tests.command_line import seqkit
from tests.tiny_corpora import decoded, tag_labels, tagged_dataset, write_files


def hub_folder(folder: Path, tables: dict[str, Any], features: str = "") -> Path:
    """A folder with data files and a card, as a repository of the hub has them."""
    configs = "".join(f"  - split: {split}\n    path: data/{split}-*\n" for split in tables)
    info = f"dataset_info:\n  features:\n{features}" if features else ""
    card = f"---\nconfigs:\n- config_name: default\n  data_files:\n{configs}{info}---\n# A corpus\n"
    write_files(folder, {"README.md": card, "data/.keep": ""})
    for split, table in tables.items():
        table.to_parquet(folder / f"data/{split}-00000-of-00001.parquet")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


FEATURES = """\
  - name: id
    dtype: string
  - name: tokens
    sequence: string
  - name: ner_tags
    sequence:
      class_label:
        names:
          '0': O
          '1': B-X
"""


@pytest.mark.usefixtures("cache")
def test_a_folder_in_the_shape_of_a_hub_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tagged_dataset([[1, 0], [0]], datasets.Value("int64"))
    hub_folder(tmp_path / "any", {"train": table, "validation": table}, FEATURES)
    monkeypatch.chdir(tmp_path)
    bars_disabled = datasets.utils.are_progress_bars_disabled()
    corpus = open_corpus("hub:./any")
    assert datasets.utils.are_progress_bars_disabled() == bars_disabled
    assert list(corpus) == ["train", "dev"]
    assert decoded(corpus["dev"]) == [(["w0", "w1"], ["B-X", "O"]), (["w0"], ["O"])]
    assert decoded(open_corpus("hub:./any:default")["dev"]) == decoded(corpus["dev"])
    assert corpus_files("hub:./any") == {}
    with pytest.raises(CorpusError, match=r"\./any has no configuration 'zz'.*default"):
        open_corpus("hub:./any:zz")
    with pytest.raises(CorpusError, match=r"\./none: no such folder"):
        open_corpus("hub:./none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"the folder \./empty cannot be loaded"):
        open_corpus("hub:./empty")


@pytest.mark.usefixtures("cache")
def test_known_corpora_get_their_columns_and_names(tmp_path: Path) -> None:
    table = tagged_dataset([[1, 4, 0], [2, 3]], datasets.Value("int32"), tags="tags")
    folder = hub_folder(tmp_path / "tner/bc5cdr", {"train": table, "validation": table, "test": table})
    corpus = open_corpus(f"hub:{folder}")
    assert [tags for _, tags in decoded(corpus["test"])] == [
        ["B-Chemical", "I-Chemical", "O"],
        ["B-Disease", "I-Disease"],
    ]
    names = HUB_CORPORA["tner/bc5cdr"].names
    assert corpus["train"].features["tags"].feature.names == list(names)


@pytest.mark.usefixtures("cache")
def test_rows_that_are_no_words_are_left_out_of_treebanks(tmp_path: Path) -> None:
    upos = datasets.ClassLabel(names=["AUX", "PART", "_"])
    table = tagged_dataset([[2, 0, 1], [0]], upos, tags="upos")
    folder = hub_folder(tmp_path / "universal-dependencies/universal_dependencies", {"train": table})
    with pytest.raises(CorpusError, match=r"several configurations; choose one, as in .*:en_ewt"):
        open_corpus(f"hub:{folder}")
    corpus = open_corpus(f"hub:{folder}:default", dev_fraction=0)
    assert decoded(corpus["train"]) == [(["w1", "w2"], ["AUX", "PART"]), (["w0"], ["AUX"])]


def test_the_table_of_known_corpora_is_sound() -> None:
    assert HUB_ALIASES["conll2003"] == "eriktks/conll2003"
    for name, known in HUB_CORPORA.items():
        assert resolve_spec(name).kind == "hub"
        assert len(set(known.names)) == len(known.names)
        labels = {label for prefix, _, label in (tag.partition("-") for tag in known.names) if prefix in ("B", "I")}
        assert all(f"B-{label}" in known.names for label in labels)
    assert len(HUB_CORPORA["tner/ontonotes5"].names) == 37


def test_the_hub_is_asked_for_data_then_for_its_own_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    answer = datasets.DatasetDict(train=tagged_dataset([[0]], tag_labels()))

    def load_dataset(path: str, **options: Any) -> Any:
        asked.append((path, options))
        if "revision" not in options:
            raise RuntimeError("Dataset scripts are no longer supported, but found x.py")
        return answer

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert load_hub("wikiann", "en") is answer
    assert asked == [
        ("unimelb-nlp/wikiann", {"name": "en"}),
        ("unimelb-nlp/wikiann", {"data_dir": "en", "revision": "refs/convert/parquet"}),
    ]


@pytest.mark.parametrize(
    "error", [ConnectionError("Couldn't reach 'a/b' on the Hub"), OSError("no route"), RuntimeError("?")]
)
def test_a_hub_out_of_reach_is_one_error_that_names_the_alternatives(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def load_dataset(path: str, **options: Any) -> Any:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(CorpusError, match=r"hub cannot be reached or has no a/b .*ner-mini.* \./corpus") as caught:
        open_corpus("a/b")
    assert "\n" not in str(caught.value)


COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """A hub with one dataset; it remembers what was asked for, and may have a loading script instead of data."""

    def __init__(self, answer: Any, *, script: bool = False) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer, self.script = answer, script

    def load_dataset(self, path: str, **options: Any) -> Any:
        self.asked.append({"path": path, **options})
        if self.script:
            raise RuntimeError("Dataset scripts are no longer supported, but found x.py\nread more\nat the hub")
        return self.answer


def hub_of(monkeypatch: pytest.MonkeyPatch, dataset: Any, *, script: bool = False) -> Hub:
    dataset.info.download_checksums = {f"hf://datasets/a/b@{COMMIT}/data/train.parquet": {"num_bytes": 1}}
    hub = Hub(datasets.DatasetDict(train=dataset), script=script)
    monkeypatch.setattr(datasets, "load_dataset", hub.load_dataset)
    return hub


def test_a_commit_is_asked_for_and_no_code_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = hub_of(monkeypatch, tagged_dataset([[0], [1]], tag_labels()))
    open_corpus("a/b", revision=COMMIT)
    texts = datasets.Dataset.from_dict({"text": ["one", "two"]})
    other = hub_of(monkeypatch, texts)
    open_texts("a/b", revision=COMMIT)
    assert hub.asked == other.asked == [{"path": "a/b", "name": None, "revision": COMMIT}]


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/1", COMMIT[:39]])
def test_a_branch_is_loaded_with_a_warning(monkeypatch: pytest.MonkeyPatch, revision: str) -> None:
    hub = hub_of(monkeypatch, tagged_dataset([[0], [1]], tag_labels()))
    with pytest.warns(SeqkitWarning, match=f"revision '{revision}' of a/b is a branch or a tag, which may change"):
        open_corpus("a/b", revision=revision)
    assert hub.asked[0]["revision"] == revision


def test_the_commit_that_was_loaded_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for tags in (tag_labels(), datasets.Value("string")):  # copied, and built anew
        rows = [[0], [1]] if isinstance(tags, datasets.ClassLabel) else [["O"], ["B-X"]]
        hub_of(monkeypatch, tagged_dataset(rows, tags))
        assert commits_of(open_corpus("a/b")) == [COMMIT]
        assert TAGGED_SENTENCES.open(spec="a/b").commits == [COMMIT]
    hub_of(monkeypatch, datasets.Dataset.from_dict({"text": ["one", "two"]}))
    assert RUNNING_TEXT.open(spec="a/b").commits == [COMMIT]
    assert TAGGED_SENTENCES.open(spec="ner-mini").commits == []


def test_every_task_can_be_trained_on_a_revision() -> None:
    for kind in (TAGGED_SENTENCES, LABELLED_TEXTS, RUNNING_TEXT):
        assert "revision" in {column.option for column in kind.columns}


def test_a_revision_with_a_loading_script_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = hub_of(monkeypatch, tagged_dataset([[0]], tag_labels()), script=True)
    with pytest.raises(CorpusError, match="loading script, which is never run; leave --revision out") as caught:
        open_corpus("a/b", revision=COMMIT)
    assert len(str(caught.value).splitlines()) == len(hub.asked) == 1


@pytest.mark.parametrize("spec", ["ner-mini", "./a.conll", "hub:./any"])
def test_only_corpora_of_the_hub_have_revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    (tmp_path / "any").mkdir()
    monkeypatch.chdir(tmp_path)
    for open_any in (open_corpus, open_texts):
        with pytest.raises(ConfigError, match="revisions; leave --revision out"):
            open_any(spec, revision=COMMIT)


def test_the_run_keeps_the_revision_and_the_commit_and_is_evaluated_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = datasets.Dataset.from_dict({"text": ["good film", "bad film"] * 10, "label": ["p", "n"] * 10})
    hub = hub_of(monkeypatch, texts)
    run = tmp_path / "run"
    done = seqkit("train", "classifier", "--corpus", "a/b", "--revision", "v1", "--epochs", 1, "--out", run, "-q")
    assert done.code == 0
    assert "warning: the revision 'v1' of a/b is a branch or a tag" in done.err
    corpus = json.loads((run / "run.json").read_text(encoding="utf-8"))["corpus"]
    assert (corpus["revision"], corpus["commits"]) == ("v1", [COMMIT])
    assert seqkit("evaluate", run).code == 0
    assert hub.asked == [{"path": "a/b", "name": None, "revision": "v1"}] * 2
