"""The tagging task: schemes, errors, batches against loops over tokens, pretrained vectors, and its files."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from seqkit.data.corpora import open_corpus
from seqkit.data.tagged_rows import gold_spans, rows_of
from seqkit.errors import CorpusError, SeqkitWarning
from seqkit.tagger import Tagger
from seqkit.tasks.tagging import PartOfSpeechTask, TaggedExamples, TaggingTask
from seqkit.tasks.tagging_predictors import ConfidentTags
from seqkit.text.tag_format import TagFormat
from seqkit.text.tag_notation import Notation
from seqkit.text.tagging_schemes import Scheme, Span, convert_tags
from seqkit.text.vocabulary import WORD_SHAPES
from seqkit.training.device import Device
from seqkit.training.evaluate import predict
from tests.tiny import ROWS, SPANS, Rows, half_trained, task_and_examples, task_of, tiny_tagger, without_time

CPU = Device.open("cpu")

every_scheme = pytest.mark.parametrize("scheme", list(Scheme))


def in_scheme(scheme: Scheme) -> Rows:
    return {"tokens": ROWS["tokens"], "tags": [convert_tags(tags, Scheme.IOB2, scheme) for tags in ROWS["tags"]]}


# Schemes.


@every_scheme
@pytest.mark.parametrize("declared", [True, False])
def test_gold_spans_do_not_depend_on_the_scheme_of_the_file(scheme: Scheme, declared: bool) -> None:
    assert gold_spans(in_scheme(scheme), TagFormat(scheme) if declared else None) == SPANS


def test_training_does_not_depend_on_the_scheme_of_the_file() -> None:
    histories = {}
    for scheme in Scheme:
        rows = in_scheme(scheme)
        tagger = tiny_tagger(epochs=2).fit(rows, rows)
        assert tagger.outcome is not None
        assert tagger.fitted is not None
        assert tagger.fitted.scheme is Scheme.IOBES
        histories[scheme] = without_time(tagger.outcome.history)
    assert all(history == histories[Scheme.IOB2] for history in histories.values())


def test_the_model_chooses_among_the_labels_of_its_own_scheme() -> None:
    types = ("LOC", "PER")
    assert task_of().labels == ["O", *(f"{prefix}-{label}" for label in types for prefix in "BEIS")]
    assert task_of(scheme="IOB2").labels == ["O", *(f"{prefix}-{label}" for label in types for prefix in "BI")]
    bilou = task_of(scheme="BILOU")
    assert bilou.labels == ["O", *(f"{prefix}-{label}" for label in types for prefix in "BILU")]
    gold = bilou.prepare(ROWS).gold
    assert gold is not None
    assert gold[7].tags == ["O", "O", "B-PER", "I-PER", "L-PER", "O", "O", "O", "O"]
    assert gold[7].spans == [Span(2, 5, "PER")]


@every_scheme
def test_the_model_has_all_prefixes_of_its_scheme(scheme: Scheme) -> None:
    single: Rows = {"tokens": [["Ada", "ran"]], "tags": [convert_tags(["B-PER", "O"], Scheme.IOB2, scheme)]}
    labels = task_of(single, scheme=scheme.value).labels
    assert {label[0] for label in labels if label != "O"} == set(scheme.prefixes)


@pytest.mark.parametrize("source", [True, False])
def test_an_illegal_tag_is_an_error_that_names_file_and_line(source: bool) -> None:
    tags = [list(sentence) for sentence in ROWS["tags"]]
    tags[5][4] = "I-PER"
    rows: Rows = {"tokens": ROWS["tokens"], "tags": tags}
    if source:
        rows["source"] = [f"corpus.conll:{10 * number}" for number in range(12)]
    with pytest.raises(CorpusError) as raised:
        task_of(rows)
    assert str(raised.value).startswith("corpus.conll:50: token 5 " if source else "sentence 6: token 5 ")
    assert "I-PER cannot follow B-LOC" in str(raised.value)
    assert "'seqkit corpora validate' lists every illegal tag" in str(raised.value)
    with pytest.warns(SeqkitWarning, match="I-PER cannot follow B-LOC"):  # in a small dev split it is not one too many
        task_of().prepare(rows)


def broken_rows(*, sentences: int = 30, broken: int = 1) -> Rows:
    """IOB2 sentences of one chunk each, of which the first few begin with I-, as in CoNLL-2002."""
    tags = [["I-PER" if number < broken else "B-PER", "I-PER", "O"] for number in range(sentences)]
    source = [f"esp.train:{4 * number + 1}" for number in range(sentences)]
    return {"tokens": [["Ada", "Lund", "ran"]] * sentences, "tags": tags, "source": source}


def test_a_few_tags_that_break_the_scheme_are_one_warning() -> None:
    expected = (
        r"^esp\.train:1: token 1 of the sentence: I-PER cannot start a sentence: IOB2 opens a chunk there with B-PER;"
        " 2 places break IOB2, which explains 58 of 60 chunks; chunks are read by the rules of conlleval: 'seqkit"
        " corpora validate' lists every illegal tag, --strict refuses them$"
    )
    rows = broken_rows(sentences=60, broken=2)
    with pytest.warns(SeqkitWarning, match=expected) as warned:
        task, examples = task_and_examples(rows)
    assert len(warned) == 1
    assert examples.gold is not None
    assert [answer.spans for answer in examples.gold] == [[Span(0, 2, "PER")]] * 60
    with pytest.warns(SeqkitWarning, match="1 place breaks IOB2"):
        dev = task.prepare(broken_rows(), task.corpus_scheme)
    assert dev.gold is not None
    assert [answer.spans for answer in dev.gold] == [[Span(0, 2, "PER")]] * 30


def test_strict_refuses_a_tag_that_breaks_the_scheme() -> None:
    with pytest.raises(CorpusError, match=r"^esp\.train:1: .*I-PER cannot start.*; without --strict they are read"):
        task_of(broken_rows(), strict=True)


def test_many_tags_that_break_the_scheme_are_an_error_that_names_their_lines() -> None:
    rows = broken_rows(broken=9)
    expected = r"which explains 21 of 30 chunks, fewer than 95 %; also in lines 5, 9, 13, 17, 21 and others; 'seqkit"
    with pytest.raises(CorpusError, match=rf"^esp\.train:1: token 1 .*9 places break IOB2, {expected}"):
        task_of(rows)


@pytest.mark.parametrize(
    ("cell", "meant"), [("0", "O"), ("o", "O"), ("B-PER,", "B-PER"), ("I_PER", "I-PER"), ("b-per", "B-PER")]
)
def test_what_is_nearly_a_tag_is_an_error_that_says_what_was_meant(cell: str, meant: str) -> None:
    rows = broken_rows(sentences=60, broken=0)
    rows["tags"] = [*rows["tags"][:7], ["B-PER", "I-PER", cell], *rows["tags"][8:]]
    expected = rf"^esp\.train:29: token 3 of the sentence: '{cell}' is not a tag of IOB2; did you mean {meant}\?$"
    with pytest.raises(CorpusError, match=expected):
        task_of(rows)


def test_the_line_is_that_of_the_file_the_sentence_was_read_from(tmp_path: Path) -> None:
    file = tmp_path / "train.conll"
    file.write_text("Ada B-PER\nran O\n\nBo B-PER\nran O\n\n# a remark\nIn O\nGhent I-LOC\n")
    rows = rows_of(open_corpus(str(file), dev_fraction=0)["train"])
    with pytest.raises(CorpusError, match=r"train\.conll:(7|8): token 2 of the sentence: I-LOC cannot follow O"):
        gold_spans(rows)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("IOBES", "sentence 1: token 2 of the sentence: I-PER cannot come before O: IOBES closes"),
        ("IOB1", "sentence 1: token 1 of the sentence: B-PER cannot start a sentence: IOB1 opens"),
        ("BILOU", "BILOU closes"),
        ("IOE1", "'B-PER' is not a tag of IOE1"),
        ("IOE2", "'B-PER' is not a tag of IOE2"),
    ],
)
def test_a_wrongly_declared_scheme_is_an_error(declared: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        task_of(corpus_scheme=declared)


# Unusable corpora.


def test_a_corpus_without_entities_is_an_error() -> None:
    with pytest.raises(CorpusError, match="has no entity: every tag is O"):
        task_of({"tokens": [["rain", "fell"], ["it", "rained"]], "tags": [["O", "O"], ["O", "O"]]})


def test_plain_tags_are_an_error_if_entities_are_expected() -> None:
    plain: Rows = {"tokens": [["rain", "fell"]], "tags": [["NOUN", "VERB"]]}
    with pytest.raises(CorpusError, match=r"^sentence 1: 'NOUN' has no scheme prefix such as B-.*'seqkit train pos'"):
        task_of(plain)
    with pytest.raises(CorpusError, match=r"^dev\.conll:3: 'NOUN' has no scheme prefix"):
        task_of().prepare({**plain, "source": ["dev.conll:3"]})


def test_types_without_prefixes_are_read_with_a_warning_if_there_is_o() -> None:
    bare: Rows = {
        "tokens": ROWS["tokens"],
        "tags": [[tag.partition("-")[2] or "O" for tag in tags] for tags in ROWS["tags"]],
    }
    with pytest.warns(
        SeqkitWarning, match="^the tags are in IOB1 without prefixes, .*; for plain tags, use 'seqkit train pos'$"
    ):
        task, examples = task_and_examples(bare)
    assert task.labels == task_of().labels
    assert examples.gold is not None
    assert examples.gold[1].spans == SPANS[1]
    assert examples.gold[4].spans == [Span(1, 4, "LOC")]  # three chunks that touch are one


def test_one_type_is_named_by_the_settings() -> None:
    untyped: Rows = {"tokens": ROWS["tokens"], "tags": [[tag[0] for tag in tags] for tags in ROWS["tags"]]}
    assert task_of(untyped).labels == ["O", "B-ENTITY", "E-ENTITY", "I-ENTITY", "S-ENTITY"]
    task, examples = task_and_examples(untyped, entity_type="name")
    assert task.labels == ["O", "B-name", "E-name", "I-name", "S-name"]
    assert examples.gold is not None
    assert [[span[:2] for span in answer.spans] for answer in examples.gold] == [
        [span[:2] for span in spans] for spans in SPANS
    ]


def test_parts_of_speech_of_one_tag_are_refused() -> None:
    rows: Rows = {"tokens": [["rain", "fell"]], "tags": [["_", "_"]], "source": ["train.conllu:3"]}
    with pytest.raises(CorpusError, match=r"^train\.conllu: there is nothing to learn .*: every tag is '_'; choose "):
        PartOfSpeechTask.from_rows(tiny_tagger("pos").config, rows)


def test_a_split_without_entities_can_be_scored() -> None:
    task = task_of()
    examples = task.prepare({"tokens": [["rain", "fell"]], "tags": [["O", "O"]]})
    assert examples.gold is not None
    assert examples.gold[0].spans == []
    assert task.score(examples, examples.gold) == {"f1": 0.0, "precision": 0.0, "recall": 0.0, "accuracy": 1.0}


@pytest.mark.parametrize("make", [task_of, lambda rows: PartOfSpeechTask.from_rows(tiny_tagger().config, rows)[0]])
@pytest.mark.parametrize(
    ("tokens", "tags", "message"),
    [
        ([["Ada", "ran"], []], [["B-PER", "O"], []], "^a.conll:9: the sentence has no token; leave it out$"),
        ([["Ada", "ran"], ["it"]], [["B-PER", "O"], ["O", "O"]], "^a.conll:9: 1 tokens but 2 tags"),
        ([["Ada", "ran"], ["it"]], [["B-PER", "O"]], "^2 sentences of tokens but 1 of tags"),
    ],
)
def test_tokens_and_tags_that_do_not_match_are_an_error(
    make: Callable[[Any], TaggingTask], tokens: list[list[str]], tags: list[list[str]], message: str
) -> None:
    task = make({"tokens": [["Ada", "ran"]], "tags": [["B-PER", "O"]]})
    with pytest.raises(CorpusError, match=message):
        task.prepare({"tokens": tokens, "tags": tags, "source": ["a.conll:4", "a.conll:9"]})


def test_a_label_that_only_dev_has_causes_a_warning_and_counts_as_wrong() -> None:
    dev: Rows = {
        "tokens": [*ROWS["tokens"], ["The", "Herald"]],
        "tags": [*ROWS["tags"], ["B-MISC", "I-MISC"]],
    }
    tagger = tiny_tagger(still=True, epochs=25, schedule="constant")
    with pytest.warns(SeqkitWarning, match="^dev has labels that do not occur in the .*count as wrong: MISC$"):
        tagger.fit(ROWS, dev)
    entities = sum(map(len, SPANS))
    assert tagger.evaluate(ROWS).scores["recall"] == 1.0
    with pytest.warns(SeqkitWarning, match="MISC"):
        evaluation = tagger.evaluate(dev)
    assert evaluation.scores["recall"] == pytest.approx(entities / (entities + 1))
    tokens = sum(map(len, dev["tokens"]))
    assert evaluation.scores["accuracy"] == pytest.approx((tokens - 2) / tokens)
    assert tagger.outcome is not None
    assert tagger.outcome.best == evaluation.scores["f1"]


# Examples and batches.


def check_batch(task: TaggingTask, examples: TaggedExamples, rows: Rows, chosen: list[int]) -> None:
    """Compare a batch with a loop over its tokens."""
    batch = task.collate(examples, chosen)
    inputs = batch.tensors
    time = max(len(rows["tokens"][row]) for row in chosen)
    assert batch.lengths.tolist() == [len(rows["tokens"][row]) for row in chosen]
    targets = torch.full_like(inputs["words_BT"], -1) if batch.targets is None else batch.targets
    assert (batch.targets is None) is (examples.targets_N is None)
    assert targets.shape == inputs["words_BT"].shape == (len(chosen), time)
    for index, row in enumerate(chosen):
        tags = convert_tags(rows["tags"][row], Scheme.IOB2, Scheme.IOBES)
        for step, word in enumerate(rows["tokens"][row]):
            spelling = inputs["spellings_BT"][index, step]
            characters = inputs["characters_UL"][spelling, : inputs["characters_U"][spelling]]
            read = word if len(word) <= 40 else word[:20] + word[-20:]
            assert inputs["words_BT"][index, step] == task.tokenizer.words.ids([word])[0]
            assert characters.tolist() == task.reader.characters.ids(read)
            ends = [f"{word[:2]}-", f"{word[:3]}-", f"-{word[-2:]}", f"-{word[-3:]}", f"-{word[-4:]}"]
            assert inputs["affixes_UA"][spelling].tolist() == task.reader.affixes.ids(ends)
            assert targets[index, step] == (-1 if batch.targets is None else task.labels.index(tags[step]))
        assert not inputs["words_BT"][index, len(tags) :].any()
        beyond = inputs["spellings_BT"][index, len(tags) :]
        assert not inputs["shapes_U"][beyond].any()
        assert not inputs["affixes_UA"][beyond].any()
    distinct = {word for row in chosen for word in rows["tokens"][row]}
    padding = any(len(rows["tokens"][row]) < time for row in chosen)
    assert len(inputs["characters_U"]) == len(inputs["characters_UL"]) == len(distinct) + padding


@given(st.lists(st.integers(0, 11), min_size=1, max_size=12))
def test_a_batch_equals_its_tokens_one_by_one(chosen: list[int]) -> None:
    check_batch(_TASK, _TASK.prepare(ROWS), ROWS, chosen)
    check_batch(_TASK, _EXAMPLES, ROWS, chosen)


_TASK, _EXAMPLES = task_and_examples()


def test_unknown_words_characters_and_very_long_words_are_read() -> None:
    long = "x" * 20 + "middle" * 9 + "Å" * 20
    rows: Rows = {"tokens": [["Zyx", long], ["Ω"]], "tags": [["O", "O"], ["B-LOC"]]}
    check_batch(_TASK, _TASK.prepare(rows), rows, [1, 0])


def test_shapes_are_those_of_the_words() -> None:
    batch = _TASK.collate(_TASK.prepare(ROWS), [5])
    shapes_T = batch.shared["shapes_U"][batch.inputs["spellings_BT"][0]]
    shapes = [WORD_SHAPES[shape] for shape in shapes_T.tolist()]
    assert shapes == ["Title", "lower", "lower", "Title", "lower", "digits and marks", "punctuation"]


def test_words_are_counted_without_case_and_singletons_are_marked() -> None:
    words = _TASK.tokenizer.words
    counts = Counter(word.lower() for sentence in ROWS["tokens"] for word in sentence)
    once = [word for word, count in counts.items() if count == 1]
    assert {"harbour", "7:30"} < set(once)
    assert "bo" not in once  # it occurs as Bo and as BO
    singletons = _TASK.model.features.singletons_V
    assert sorted(singletons.nonzero().flatten().tolist()) == sorted(words.ids(once))
    assert words.ids(["The"]) == words.ids(["the"]) != words.ids(["unheard"])


def test_rare_words_are_unknown_with_a_minimum_count() -> None:
    words = task_of(minimum_count=2).tokenizer.words
    assert words.ids(["harbour"]) == [1]
    assert words.ids(["Ghent"]) != [1]


# Pretrained vectors.


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    file = tmp_path / "vectors.txt"
    lines = [
        "the 1 2 3",
        "Paris 4 5 6",
        "Ghent 7 8 9",
        "ghent 0.5 0.25 -1",
        "zebra 1 1 1",
        "harbour -2 0 2",
        "The 9 9 9",
    ]
    file.write_text("\n".join(lines) + "\n")
    return file


def vector_of(task: TaggingTask, word: str) -> list[float]:
    values: list[float] = task.model.features.words.weight[task.tokenizer.words.ids([word])[0]].tolist()
    return values


def test_pretrained_vectors_are_those_of_the_file(vectors: Path) -> None:
    task = task_of(vectors=str(vectors), vector_words=2)
    words = task.tokenizer.words
    assert vector_of(task, "the") == vector_of(task, "The") == [1, 2, 3]
    assert vector_of(task, "Ghent") == [0.5, 0.25, -1]  # the vector of its key, ghent, not of another spelling
    assert vector_of(task, "harbour") == [-2, 0, 2]
    assert "paris" in words  # not in training, but at the top of the file
    assert vector_of(task, "PARIS") == [4, 5, 6]
    assert "zebra" not in words  # neither in training nor at the top of the file
    assert not task.model.features.singletons_V[words.ids(["harbour"])[0]]  # occurs once, but has a vector
    assert bool(task.model.features.singletons_V[words.ids(["quiet"])[0]])  # occurs once, and has no vector
    assert len(vector_of(task, "quiet")) == task.config.word_size == 3


def test_a_saved_model_does_not_need_its_vectors_file(vectors: Path, tmp_path: Path) -> None:
    tagger = tiny_tagger(vectors=str(vectors), epochs=1).fit(ROWS, ROWS)
    tagger.save(tmp_path / "run")
    vectors.unlink()
    loaded = Tagger.load(tmp_path / "run", device="cpu")
    assert loaded.predict(ROWS["tokens"]) == tagger.predict(ROWS["tokens"])


# A task from its files.


@pytest.mark.parametrize("changes", [{}, {"head": "softmax", "cell": "gru"}, {"characters": "lstm"}], ids=str)
@pytest.mark.parametrize("name", ["ner", "pos"])
def test_assets_and_weights_are_the_whole_task(name: str, changes: dict[str, Any]) -> None:
    task = half_trained(name, **changes)
    again = type(task).restored(task.config, task.assets().__getitem__)
    again.model.load_state_dict(task.model.state_dict())
    assert (again.labels, again.scheme) == (task.labels, task.scheme)
    assert again.assets() == task.assets()
    one, other = (predict(ConfidentTags(each), each.prepare(ROWS), CPU) for each in (task, again))
    assert one == other
    assert_close(again.model.features.singletons_V, task.model.features.singletons_V)


def test_a_sentence_is_described_by_its_first_words() -> None:
    examples = _TASK.prepare(ROWS)
    assert _TASK.describe(examples, [11]) == "'Wales !'"
    assert _TASK.describe(examples, [7]) == "'Nobody saw Uma de Wit leave the house …'"


def test_dev_is_read_in_the_scheme_of_train() -> None:
    dev = {"tokens": [["in", "Oslo"]], "tags": [["O", "I-LOC"]]}  # legal in IOB1, but train is in IOB2
    with pytest.raises(CorpusError, match=r"sentence 1: token 2 of the sentence: .*IOB2"):
        tiny_tagger().fit(ROWS, dev)


def test_a_loaded_tagger_reads_a_test_split_in_the_format_of_train_if_it_fits() -> None:
    untyped: Rows = {"tokens": ROWS["tokens"], "tags": [[tag[0] for tag in tags] for tags in ROWS["tags"]]}
    task, _ = task_and_examples(untyped)
    loaded = TaggingTask.restored(task.config, task.assets().__getitem__)
    assert loaded.corpus_scheme == task.corpus_scheme == TagFormat(Scheme.IOB2, Notation("prefix alone", ""))
    test = loaded.prepare({"tokens": [["Ada"]], "tags": [["B"]]}).gold  # B alone could also be a part of speech
    other = loaded.prepare(in_scheme(Scheme.IOBES)).gold
    assert test is not None
    assert test[0].spans == [Span(0, 1, "ENTITY")]
    assert other is not None
    assert [answer.spans for answer in other] == SPANS
