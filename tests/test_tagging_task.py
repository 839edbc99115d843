"""The tagging task: from rows to batches by loops over tokens, and from models to probabilities by every path."""

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from seqkit.corpora import open_corpus
from seqkit.engine import Engine
from seqkit.errors import CorpusError, SeqkitWarning
from seqkit.evaluation import evaluate, predict
from seqkit.heads import CRFHead
from seqkit.tagger import Tagger, rows_of
from seqkit.tagging_schemes import Scheme, Span, convert_tags, illegal_tags, spans_from_tags
from seqkit.tasks.tagging import PartOfSpeechTask, TaggedExamples, TaggingTask, gold_spans
from seqkit.tokenization import WORD_SHAPES
from tests.tiny import PARTS, ROWS, Rows, task_of, tiny_tagger, without_time

CPU = Engine.open("cpu")
SPANS = [
    [(0, 2, "PER"), (3, 4, "PER"), (5, 6, "LOC")],
    [(3, 6, "LOC")],
    [],
    [(0, 2, "PER")],
    [(1, 2, "LOC"), (2, 3, "LOC"), (3, 4, "LOC")],
    [(3, 4, "LOC")],
    [(0, 1, "PER")],
    [(2, 5, "PER")],
    [(1, 2, "LOC")],
    [(0, 1, "PER"), (1, 2, "PER"), (3, 4, "PER")],
    [(3, 4, "LOC")],
    [(0, 1, "LOC")],
]

both_heads = pytest.mark.parametrize("head", ["crf", "softmax"])
every_scheme = pytest.mark.parametrize("scheme", list(Scheme))


def in_scheme(scheme: Scheme) -> Rows:
    return {"tokens": ROWS["tokens"], "tags": [convert_tags(tags, Scheme.IOB2, scheme) for tags in ROWS["tags"]]}


# Schemes.


@every_scheme
@pytest.mark.parametrize("declared", [True, False])
def test_gold_spans_are_the_same_whatever_the_file_uses(scheme: Scheme, declared: bool) -> None:
    assert gold_spans(in_scheme(scheme), scheme.value if declared else None) == SPANS


def test_training_is_the_same_whatever_the_file_uses() -> None:
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
def test_a_label_that_training_lacks_is_still_a_label_of_the_scheme(scheme: Scheme) -> None:
    single: Rows = {"tokens": [["Ada", "ran"]], "tags": [convert_tags(["B-PER", "O"], Scheme.IOB2, scheme)]}
    labels = task_of(single, scheme=scheme.value).labels
    assert {label[0] for label in labels if label != "O"} == set(scheme.prefixes)


@pytest.mark.parametrize("source", [True, False])
def test_an_illegal_tag_is_an_error_that_names_file_and_line(source: bool) -> None:
    rows: dict[str, Any] = {**ROWS, "tags": [list(tags) for tags in ROWS["tags"]]}
    rows["tags"][5][4] = "I-PER"
    if source:
        rows["source"] = [f"corpus.conll:{10 * number}" for number in range(12)]
    with pytest.raises(CorpusError) as raised:
        task_of(rows)
    assert str(raised.value).startswith("corpus.conll:50: token 5 " if source else "sentence 6: token 5 ")
    assert "I-PER cannot follow B-LOC" in str(raised.value)
    assert "'seqkit corpora validate' lists every such place" in str(raised.value)
    with pytest.raises(CorpusError, match="I-PER cannot follow B-LOC"):
        task_of().prepare(rows)


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


# Corpora that cannot be learnt from.


def test_a_corpus_without_entities_is_an_error() -> None:
    with pytest.raises(CorpusError, match="marks no entity: every tag is O"):
        task_of({"tokens": [["rain", "fell"], ["it", "rained"]], "tags": [["O", "O"], ["O", "O"]]})


def test_plain_tags_are_an_error_wherever_entities_are_expected() -> None:
    plain: dict[str, Any] = {"tokens": [["rain", "fell"]], "tags": [["O", "VERB"]]}
    with pytest.raises(CorpusError, match="^sentence 1: 'VERB' has no scheme prefix such as B-.*'seqkit train pos'"):
        task_of(plain)
    with pytest.raises(CorpusError, match="^dev.conll:3: 'VERB' has no scheme prefix"):
        task_of().prepare({**plain, "source": ["dev.conll:3"]})


def test_a_split_without_entities_can_be_scored() -> None:
    task = task_of()
    examples = task.prepare({"tokens": [["rain", "fell"]], "tags": [["O", "O"]]})
    assert examples.gold is not None
    assert examples.gold[0].spans == []
    assert task.score(examples.gold, examples.gold) == {"f1": 0.0, "precision": 0.0, "recall": 0.0, "accuracy": 1.0}


@pytest.mark.parametrize("make", [task_of, lambda rows: PartOfSpeechTask.fitted(tiny_tagger().config, rows)])
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


def test_a_label_that_only_dev_has_is_told_and_counted_as_wrong() -> None:
    dev: Rows = {
        "tokens": [*ROWS["tokens"], ["The", "Herald"]],
        "tags": [*ROWS["tags"], ["B-MISC", "I-MISC"]],
    }
    tagger = tiny_tagger(still=True, epochs=25, schedule="constant")
    with pytest.warns(SeqkitWarning, match="^dev holds labels that training lacks, .*count as wrong: MISC$"):
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


def check_batch(task: TaggingTask, rows: Rows, chosen: list[int]) -> None:
    """Collation against one token after the other."""
    batch = task.collate(task.prepare(rows), chosen)
    inputs = batch.inputs
    time = max(len(rows["tokens"][row]) for row in chosen)
    assert batch.lengths.tolist() == [len(rows["tokens"][row]) for row in chosen]
    assert batch.targets is not None
    assert batch.targets.shape == inputs["words_BT"].shape == (len(chosen), time)
    for place, row in enumerate(chosen):
        tags = convert_tags(rows["tags"][row], Scheme.IOB2, Scheme.IOBES)
        for step, word in enumerate(rows["tokens"][row]):
            spelling = inputs["spellings_BT"][place, step]
            characters = inputs["characters_UL"][spelling, : inputs["characters_U"][spelling]]
            read = word if len(word) <= 40 else word[:20] + word[-20:]
            assert inputs["words_BT"][place, step] == task.tokenizer.words.ids([word])[0]
            assert characters.tolist() == task.characters.ids(read)
            ends = [f"{word[:2]}-", f"{word[:3]}-", f"-{word[-2:]}", f"-{word[-3:]}", f"-{word[-4:]}"]
            assert inputs["affixes_BTA"][place, step].tolist() == task.affixes.ids(ends)
            assert batch.targets[place, step] == task.labels.index(tags[step])
        assert not inputs["words_BT"][place, len(tags) :].any()
        assert not inputs["shapes_BT"][place, len(tags) :].any()
        assert not inputs["affixes_BTA"][place, len(tags) :].any()
    distinct = {word for row in chosen for word in rows["tokens"][row]}
    padding = any(len(rows["tokens"][row]) < time for row in chosen)
    assert len(inputs["characters_U"]) == len(inputs["characters_UL"]) == len(distinct) + padding


@given(st.lists(st.integers(0, 11), min_size=1, max_size=12))
def test_a_batch_is_its_tokens_one_by_one(chosen: list[int]) -> None:
    check_batch(_TASK, ROWS, chosen)


_TASK = task_of()


def test_unknown_words_characters_and_very_long_words_are_read() -> None:
    long = "x" * 20 + "middle" * 9 + "Å" * 20
    check_batch(_TASK, {"tokens": [["Zyx", long], ["Ω"]], "tags": [["O", "O"], ["B-LOC"]]}, [1, 0])


def test_shapes_are_those_of_the_words() -> None:
    batch = _TASK.collate(_TASK.prepare(ROWS), [5])
    shapes = [WORD_SHAPES[shape] for shape in batch.inputs["shapes_BT"][0].tolist()]
    assert shapes == ["Title", "lower", "lower", "Title", "lower", "digits and marks", "punctuation"]


def test_words_are_counted_whatever_their_case_and_those_seen_once_are_marked() -> None:
    words = _TASK.tokenizer.words
    counts = Counter(word.lower() for sentence in ROWS["tokens"] for word in sentence)
    once = [word for word, count in counts.items() if count == 1]
    assert {"harbour", "7:30"} < set(once)
    assert "bo" not in once  # it is there as Bo and as BO
    singletons = _TASK.model.features.singletons_V
    assert sorted(singletons.nonzero().flatten().tolist()) == sorted(words.ids(once))
    assert words.ids(["The"]) == words.ids(["the"]) != words.ids(["unheard"])


def test_rare_words_are_unknown_where_asked_for() -> None:
    words = task_of(minimum_count=2).tokenizer.words
    assert words.ids(["harbour"]) == [1]
    assert words.ids(["Ghent"]) != [1]


# Pretrained vectors.


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    file = tmp_path / "vectors.txt"
    lines = ["the 1 2 3", "Paris 4 5 6", "Ghent 7 8 9", "ghent 0.5 0.25 -1", "zebra 1 1 1", "harbour -2 0 2"]
    file.write_text("\n".join(lines) + "\n")
    return file


def vector_of(task: TaggingTask, word: str) -> list[float]:
    values: list[float] = task.model.features.words.weight[task.tokenizer.words.ids([word])[0]].tolist()
    return values


def test_pretrained_vectors_are_those_of_the_file(vectors: Path) -> None:
    task = task_of(vectors=str(vectors), vector_words=2)
    words = task.tokenizer.words
    assert vector_of(task, "the") == vector_of(task, "The") == [1, 2, 3]
    assert vector_of(task, "Ghent") == [0.5, 0.25, -1]  # its own key's vector, not that of another writing
    assert vector_of(task, "harbour") == [-2, 0, 2]
    assert "paris" in words  # not in training, but at the top of the file
    assert vector_of(task, "PARIS") == [4, 5, 6]
    assert "zebra" not in words  # neither
    assert not task.model.features.singletons_V[words.ids(["harbour"])[0]]  # seen once, yet its vector is known
    assert bool(task.model.features.singletons_V[words.ids(["quiet"])[0]])  # seen once, and nowhere else
    assert len(vector_of(task, "quiet")) == task.config.word_size == 3


def test_a_model_needs_its_vectors_no_more_once_it_is_saved(vectors: Path, tmp_path: Path) -> None:
    tagger = tiny_tagger(vectors=str(vectors), epochs=1).fit(ROWS, ROWS)
    tagger.save(tmp_path / "run")
    vectors.unlink()
    loaded = Tagger.load(tmp_path / "run", device="cpu")
    assert loaded.predict(ROWS["tokens"]) == tagger.predict(ROWS["tokens"])


# Models.


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"head": "softmax"},
        {"characters": "lstm"},
        {"characters": "none", "shape_size": 0, "affix_size": 0},
        {"num_layers": 2, "cell": "gru"},
        {"scheme": "IOB1"},
        {"optimizer": "sgd", "learning_rate": 0.3, "epochs": 40},
    ],
    ids=str,
)
def test_a_tiny_corpus_is_learnt_by_heart(changes: dict[str, Any]) -> None:
    tagger = tiny_tagger(still=True, **{"epochs": 25, "schedule": "constant", **changes}).fit(ROWS, ROWS)
    evaluation = tagger.evaluate(ROWS)
    assert evaluation.scores == {"f1": 1.0, "precision": 1.0, "recall": 1.0, "accuracy": 1.0}
    assert [prediction.spans for prediction in evaluation.predictions] == SPANS
    assert evaluation.tokens == sum(map(len, ROWS["tokens"]))


@both_heads
def test_parts_of_speech_are_learnt_by_heart(head: str) -> None:
    tagger = tiny_tagger("pos", still=True, head=head, epochs=30, schedule="constant").fit(PARTS, PARTS)
    evaluation = tagger.evaluate(PARTS, confidence=True)
    assert evaluation.scores == {"accuracy": 1.0}
    assert tagger.fitted is not None
    assert tagger.fitted.labels == sorted({tag for tags in PARTS["tags"] for tag in tags})
    for prediction, tags in zip(evaluation.predictions, PARTS["tags"], strict=True):
        assert prediction.tags == tags
        assert prediction.spans == []
        assert len(prediction.confidence) == len(tags)
        assert all(0.0 < confidence <= 1.0 for confidence in prediction.confidence)


def test_tags_that_look_like_a_scheme_are_plain_tags_to_the_other_task() -> None:
    task = PartOfSpeechTask.fitted(tiny_tagger().config, ROWS)
    assert task.scheme is None
    assert task.labels == ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]
    assert task.unknown_labels(task.prepare({"tokens": [["a", "b"]], "tags": [["O", "B-ORG"]]})) == ["B-ORG"]


def half_trained(task: str = "ner", **changes: Any) -> TaggingTask:
    """A model that has learnt something but is sure of nothing."""
    rows = PARTS if task == "pos" else ROWS
    settings = {"epochs": 10, "schedule": "constant", "average": 0.0, **changes}
    tagger = tiny_tagger(task, still=True, **settings).fit(rows, rows)
    assert tagger.fitted is not None
    return tagger.fitted


@pytest.mark.parametrize(
    "changes",
    [{}, {"head": "softmax"}, {"characters": "lstm", "num_layers": 2}, {"characters": "none", "cell": "gru"}],
    ids=str,
)
def test_predictions_depend_neither_on_the_batch_nor_on_the_order(changes: dict[str, Any]) -> None:
    task = half_trained(**changes)
    alone = [predict(task, task.prepare({"tokens": [tokens]}), CPU, confidence=True)[0] for tokens in ROWS["tokens"]]
    assert any(prediction.spans for prediction in alone)
    order = [7, 2, 0, 11, 4, 9, 1, 10, 3, 8, 6, 5]
    examples = task.prepare({"tokens": [ROWS["tokens"][row] for row in order]})
    for batch_tokens in (1, 20, 1000):
        together = predict(task, examples, CPU, batch_tokens=batch_tokens, confidence=True)
        for row, prediction in zip(order, together, strict=True):
            assert prediction.tags == alone[row].tags
            assert prediction.spans == alone[row].spans
            assert prediction.confidence == pytest.approx(alone[row].confidence, abs=1e-5)
    without = predict(task, examples, CPU)
    assert [prediction.tags for prediction in without] == [alone[row].tags for row in order]
    assert not any(prediction.confidence for prediction in without)


def emissions_of(task: TaggingTask, tokens: list[str]) -> Tensor:
    task.model.eval()
    with torch.no_grad():
        scores: Tensor = task.model.head.scores(task.model(task.collate(task.prepare({"tokens": [tokens]}), [0])))
    return scores[0].double()


def path_probabilities(task: TaggingTask, tokens: list[str]) -> dict[tuple[str, ...], float]:
    """The probability of every legal sequence of tags, in plain Python numbers."""
    emissions = emissions_of(task, tokens).tolist()
    labels = range(len(task.labels))
    start, end, move = [0.0 for _ in labels], [0.0 for _ in labels], [[0.0 for _ in labels] for _ in labels]
    if isinstance(task.model.head, CRFHead):
        crf = task.model.head.crf
        start, end, move = crf.start_transitions.tolist(), crf.end_transitions.tolist(), crf.transitions.tolist()
    weights = {}
    for path in product(labels, repeat=len(tokens)):
        tags = tuple(task.labels[label] for label in path)
        if task.scheme is None or not illegal_tags(tags, task.scheme):
            emitted = sum(row[label] for row, label in zip(emissions, path, strict=True))
            moved = sum(move[one][other] for one, other in pairwise(path))
            weights[tags] = math.exp(emitted + moved + start[path[0]] + end[path[-1]])
    total = sum(weights.values())
    return {tags: weight / total for tags, weight in weights.items()}


@pytest.mark.parametrize("scheme", ["IOBES", "BILOU"])
@pytest.mark.parametrize("tokens", [["Ada", "met", "Ghent", "Oslo"], ["New", "South", "Wales", "!"]])
def test_a_spans_confidence_is_the_probability_of_all_paths_that_have_just_this_span(
    scheme: str, tokens: list[str]
) -> None:
    task = half_trained(scheme=scheme)
    assert task.scheme is not None
    probabilities = path_probabilities(task, tokens)
    (prediction,) = predict(task, task.prepare({"tokens": [tokens]}), CPU, confidence=True)
    assert tuple(prediction.tags) == max(probabilities, key=lambda tags: probabilities[tags])
    assert prediction.spans
    for span, confidence in zip(prediction.spans, prediction.confidence, strict=True):
        having = [tags for tags in probabilities if span in spans_from_tags(tags, task.scheme)]
        assert confidence == pytest.approx(sum(probabilities[tags] for tags in having), rel=1e-4)
        assert confidence < 0.999, "a model that is sure of all shows nothing"


def test_the_softmax_heads_confidence_is_the_product_of_its_tags() -> None:
    task = half_trained(head="softmax")
    tokens = ["Ada", "Lund", "met", "Bo", "in", "Ghent", "."]
    (prediction,) = predict(task, task.prepare({"tokens": [tokens]}), CPU, confidence=True)
    probabilities = emissions_of(task, tokens).softmax(dim=1)
    assert prediction.spans
    for span, confidence in zip(prediction.spans, prediction.confidence, strict=True):
        best = probabilities[span.start : span.end].max(dim=1).values
        assert confidence == pytest.approx(float(best.prod()), rel=1e-4)


@both_heads
def test_the_confidence_of_a_plain_tag_is_its_marginal_probability(head: str) -> None:
    rows: Rows = {"tokens": [["a", "b"], ["b", "a", "c"]], "tags": [["X", "Y"], ["Y", "X", "Z"]]}
    tagger = tiny_tagger("pos", still=True, epochs=2, head=head).fit(rows, rows)
    task, tokens = tagger.fitted, ["c", "a", "b"]
    assert task is not None
    (prediction,) = predict(task, task.prepare({"tokens": [tokens]}), CPU, confidence=True)
    probabilities = path_probabilities(task, tokens)
    for place, (tag, confidence) in enumerate(zip(prediction.tags, prediction.confidence, strict=True)):
        with_tag = sum(probability for tags, probability in probabilities.items() if tags[place] == tag)
        assert confidence == pytest.approx(with_tag, rel=1e-4)


@both_heads
def test_the_loss_is_the_mean_over_tokens(head: str) -> None:
    task = task_of(still=True, head=head)
    task.model.eval()
    examples = task.prepare(ROWS)
    with torch.no_grad():
        alone = [float(task.loss(task.collate(examples, [row]))) for row in range(4)]
        together = float(task.loss(task.collate(examples, [3, 1, 0, 2])))
    lengths = examples.lengths[:4]
    total = sum(loss * length for loss, length in zip(alone, lengths, strict=True))
    assert together == pytest.approx(total / sum(lengths), rel=1e-5)
    if head == "softmax":
        targets = task.collate(examples, [0]).targets
        assert targets is not None
        logs = emissions_of(task, ROWS["tokens"][0]).log_softmax(dim=1)
        assert alone[0] == pytest.approx(-float(logs[range(7), targets[0]].mean()), rel=1e-5)


def test_evaluation_counts_what_it_read() -> None:
    task = half_trained()
    examples: TaggedExamples = task.prepare(ROWS)
    evaluation = evaluate(task, examples, CPU, batch_tokens=20)
    found = [(row, span) for row, prediction in enumerate(evaluation.predictions) for span in prediction.spans]
    gold = [(row, span) for row, spans in enumerate(SPANS) for span in spans]
    correct = len(set(found) & set(gold))
    assert evaluation.scores["precision"] == pytest.approx(correct / len(found))
    assert evaluation.scores["recall"] == pytest.approx(correct / len(gold))
    assert evaluation.seconds > 0
    assert evaluation.tokens == sum(map(len, ROWS["tokens"]))


# A task from its files.


@pytest.mark.parametrize("changes", [{}, {"head": "softmax", "cell": "gru"}, {"characters": "lstm"}], ids=str)
@pytest.mark.parametrize("name", ["ner", "pos"])
def test_assets_and_weights_are_the_whole_task(name: str, changes: dict[str, Any]) -> None:
    task = half_trained(name, **changes)
    again = type(task).restored(task.config, task.assets())
    again.model.load_state_dict(task.model.state_dict())
    assert (again.labels, again.scheme) == (task.labels, task.scheme)
    assert again.assets() == task.assets()
    one, other = (predict(each, each.prepare(ROWS), CPU, confidence=True) for each in (task, again))
    assert one == other
    assert_close(again.model.features.singletons_V, task.model.features.singletons_V)


def test_a_sentence_is_described_by_its_first_words() -> None:
    examples = _TASK.prepare(ROWS)
    assert _TASK.describe(examples, 11) == "'Wales !'"
    assert _TASK.describe(examples, 7) == "'Nobody saw Uma de Wit leave the house …'"
