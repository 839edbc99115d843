"""Errors at the command line name its options; the same errors in Python name keywords."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqkit.classifier import Classifier
from seqkit.config.adaptive import CacheConfig
from seqkit.data.corpora import open_corpus
from seqkit.errors import SeqkitError
from seqkit.language_model import LanguageModel
from seqkit.tagger import Tagger
from tests.command_line import label_options, options, seqkit, tiny_run, write_corpus, write_jsonl
from tests.tiny import ROWS, tiny_tagger
from tests.tiny_labels import LABELS, TEXTS, TOPICS, tiny_classifier
from tests.tiny_text import DEV, TRAIN, text_options, tiny_language_model, write_texts


def language_model() -> LanguageModel:
    return LanguageModel.load(tiny_run("lm"), device="cpu")


def backward() -> LanguageModel:
    return tiny_language_model(direction="backward", epochs=1).fit(TRAIN, DEV)


def fit_classifier(**settings: Any) -> Classifier:
    return tiny_classifier(**settings).fit(TEXTS, LABELS, dev=(TEXTS, LABELS))


# The command, what it says, the same in Python, and what that says. NER and so on are corpora, LM and BACK are runs.
MESSAGES: dict[str, tuple[str, str, Callable[[], object], str]] = {
    "a value out of bounds": (
        "train ner --corpus NER --learning-rate 0",
        "--learning-rate must be greater than 0, not 0",
        lambda: Tagger(learning_rate=0),
        "learning_rate must be greater than 0, not 0",
    ),
    "weights of labels": (
        "train ner --corpus NER --label-weights x",
        "--label-weights must be written like O=0.5,LOC=2, not 'x'",
        lambda: Tagger(label_weights="x"),
        "label_weights must be written like",
    ),
    "weights of labels that are not there": (
        "train ner --corpus NER --label-weights ORG=2",
        "--label-weights: the training data has no 'ORG'",
        lambda: tiny_tagger(label_weights="ORG=2").fit(ROWS, ROWS),
        "label_weights: the training data has no 'ORG'",
    ),
    "weights of classes that are not there": (
        "train classifier --corpus LABELS --class-weights ugly=2",
        "--class-weights: the training data has no label 'ugly'",
        lambda: fit_classifier(class_weights="ugly=2"),
        "class_weights: the training data has no label 'ugly'",
    ),
    "pooling": (
        "train classifier --corpus LABELS --pooling max+max",
        "--pooling must be one or more of",
        lambda: Classifier(pooling="max+max"),
        "pooling must be one or more of",
    ),
    "vectors of words": (
        "train classifier --corpus LABELS --vectors x --unit bpe",
        "or with --unit bpe",
        lambda: fit_classifier(vectors="x", unit="bpe"),
        "or with unit='bpe'",
    ),
    "balanced sampling": (
        "train classifier --corpus TOPICS --balanced-sampling",
        "--balanced-sampling is for texts with one label each; try --class-weights balanced",
        lambda: tiny_classifier(balanced_sampling=True).fit(TEXTS, TOPICS, dev=(TEXTS, TOPICS)),
        "balanced_sampling is for texts with one label each; try class_weights='balanced'",
    ),
    "tied embeddings": (
        "train lm --corpus TEXT --adaptive-softmax --tied",
        "choose --no-tied with it",
        lambda: LanguageModel(adaptive_softmax=True, tied=True),
        "choose tied=False with it",
    ),
    "pretokenized text": (
        "train lm --corpus TEXT --pretokenized --unit char",
        "choose --unit word, not 'char'",
        lambda: LanguageModel(pretokenized=True, unit="char"),
        "choose unit='word', not 'char'",
    ),
    "vocabulary": (
        "train lm --corpus TEXT --unit bpe --vocabulary-size 9",
        "--vocabulary-size must be at least 257 for bpe, not 9",
        lambda: tiny_language_model(unit="bpe", vocabulary_size=9).fit(TRAIN, DEV),
        "vocabulary_size must be at least 257 for bpe, not 9",
    ),
    "a fraction": (
        "train ner --corpus NER --dev-fraction 2",
        "--dev-fraction must be at least 0 and below 1",
        lambda: open_corpus("ner-mini", dev_fraction=2),
        "dev_fraction must be at least 0 and below 1",
    ),
    "characters that are unknown": (
        "generate --model LM --prompt €",
        "read it as <unk> with --allow-unknown",
        lambda: language_model().score("€"),
        "read it as <unk> with unknown='<unk>'",
    ),
    "temperature": (
        "generate --model LM --temperature 1e-30",
        "--temperature must be 0 or at least",
        lambda: language_model().generate(temperature=1e-30),
        "temperature must be 0 or at least",
    ),
    "a backward model that generates": (
        "generate --model BACK --prompt a",
        "train with --direction forward",
        lambda: backward().generate("a"),
        "train with direction='forward'",
    ),
    "a backward model that adapts": (
        "evaluate BACK --cache",
        "train it with --direction forward",
        lambda: backward().evaluate(DEV, cache=CacheConfig()),
        "train it with direction='forward'",
    ),
}
TINY = {"ner": options(epochs=1), "classifier": label_options(epochs=1), "lm": text_options(epochs=1)}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The corpora and runs of the commands."""
    folder = tmp_path_factory.mktemp("messages")
    lines = [f'{{"text": "{text}", "label": {list(topics)}}}\n' for text, topics in zip(TEXTS, TOPICS, strict=True)]
    (folder / "topics.jsonl").write_text("".join(lines).replace("'", '"'))
    backward().save(folder / "back")
    return {
        "NER": str(write_corpus(folder / "ner")),
        "LABELS": str(write_jsonl(folder / "labels.jsonl", TEXTS * 3, LABELS * 3)),
        "TOPICS": str(folder / "topics.jsonl"),
        "TEXT": str(write_texts(folder / "text")),
        "LM": str(tiny_run("lm")),
        "BACK": str(folder / "back"),
    }


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_name_the_options_of_the_command_line(
    name: str, places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, said, call, said_in_python = MESSAGES[name]
    monkeypatch.chdir(tmp_path)
    words = [places.get(word, word) for word in command.split()]
    if words[0] == "train":
        words[2:2] = TINY[words[1]]
    elif words[0] == "evaluate":
        words += ["--corpus", places["TEXT"]]
    done = seqkit(*words)
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert said in done.err
    with pytest.raises(SeqkitError) as raised:
        call()
    assert said_in_python in str(raised.value)
