"""LanguageModel: the class a person imports to train a language model, to score text with it and to write with it."""

import math
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from seqkit.batches.token_store import TokenStore
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.presets import preset_settings
from seqkit.config.sampling import SamplingFilters
from seqkit.data.texts import Texts, open_texts
from seqkit.errors import ConfigError
from seqkit.estimator import Estimator
from seqkit.generation.decoder import Decoder
from seqkit.generation.generate import Ending, Generated, GeneratedToken, Prompt, beam_search, sample
from seqkit.tasks.language_modelling import LanguageModellingTask, TextExamples
from seqkit.training.adaptive_evaluation import CacheConfig, DynamicConfig, evaluate_adaptively
from seqkit.training.device import Device, Precision
from seqkit.training.evaluate import Evaluation, evaluate, predict
from seqkit.training.events import Event

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["GeneratedText", "LanguageModel", "TextScore"]

MOST_SEED = 2**63


@dataclass(frozen=True)
class GeneratedText:
    """A sample of a language model.

    Attributes:
        text: what was written, without the prompt.
        tokens: its tokens, each with its bytes and its log-probability before any filter.
        ending: why it ended: ``length``, ``stop`` or ``end``.
        seed: the seed that makes this sample again, alone or in any company; None for a beam's.
    """

    text: str
    tokens: list[GeneratedToken]
    ending: Ending
    seed: int | None


@dataclass(frozen=True)
class TextScore:
    """How a language model finds a text.

    Attributes:
        pieces: the text of each token.
        log_probabilities: the log-probability of each, in nats, given what comes before.
        bytes: length of the text in UTF-8.
    """

    pieces: list[str]
    log_probabilities: list[float]
    bytes: int

    @property
    def perplexity(self) -> float:
        """e to the mean nats of a token."""
        return math.exp(-sum(self.log_probabilities) / len(self.log_probabilities))

    @property
    def bits_per_byte(self) -> float:
        """Bits that a byte of the text costs, which do not depend on the tokenizer."""
        return -sum(self.log_probabilities) / math.log(2) / self.bytes


class LanguageModel(Estimator):
    """A recurrent language model over characters, words or byte pairs.

    The constructor only stores its settings, as scikit-learn's estimators do.

    Args:
        preset: a name in ``seqkit.config.presets.PRESETS``, which supplies all settings that are not given.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        **settings: any field of ``LanguageModelConfig`` and ``TrainConfig``.

    Raises:
        ConfigError: on a setting that does not exist or cannot be used.

    >>> model = LanguageModel(epochs=10, hidden_size=32, embedding_size=32, batch_tokens=64, bptt=8, learning_rate=0.02)
    >>> model = model.fit(["abc" * 60], dev=["abc" * 20])
    >>> model.generate("ab", max_tokens=7, temperature=0)[0].text
    'cabcabc'
    """

    tasks = ("lm",)
    noun = "a language model"
    fitted: LanguageModellingTask | None
    config: LanguageModelConfig

    def __init__(
        self, preset: str = "tiny", *, device: Device = "auto", precision: Precision = "auto", **settings: Any
    ) -> None:
        own = {"preset": preset, "device": device, "precision": precision}
        super().__init__("lm", own, preset_settings(preset), settings)
        self.preset = preset
        self._decoder: tuple[object, Decoder] | None = None

    def fit(
        self,
        train: "Texts | Sequence[str] | Mapping[str, Any] | Dataset",
        dev: "Texts | Sequence[str] | Mapping[str, Any] | Dataset | None" = None,
        *,
        out: str | os.PathLike[str] | None = None,
        resume: bool = False,
        about: Mapping[str, Any] | None = None,
        report: Callable[[Event], None] | None = None,
        progress: bool = False,
    ) -> Self:
        """Train on one text and choose the best weights on another.

        Args:
            train: a split of ``open_texts``, or documents: strings, or what has them under ``text``.
            dev: the same; None takes the last tenth of the documents of train.
            out: run folder to keep the model in as training goes on; None keeps it in memory.
            resume: whether to go on with the unfinished training in ``out``.
            about: what ``run.json`` should say of the corpus.
            report: is told each event of training.
            progress: whether to draw it on stderr.

        Raises:
            CorpusError: where the data cannot be learnt from.
            CheckpointError: where the run folder cannot be written or resumed.
            DivergenceError: where the loss becomes NaN; the best model so far is kept in ``out``.
        """
        if dev is None:
            if isinstance(train, Texts):
                raise ConfigError("give dev as well: a split of open_texts, or dev_fraction there")
            splits = open_texts(train)
            train, dev = splits["train"], splits["dev"]
        train_texts, dev_texts = _texts(train), _texts(dev)

        def prepare() -> tuple[LanguageModellingTask, TextExamples, TextExamples]:
            task = LanguageModellingTask.fitted(self.config, train_texts)
            return task, task.prepare(train_texts), task.prepare(dev_texts)

        return self._fit(prepare, out=out, resume=resume, about=about, report=report, progress=progress)

    def evaluate(
        self,
        texts: "Texts | Sequence[str] | Mapping[str, Any] | Dataset",
        *,
        cache: CacheConfig | None = None,
        dynamic: DynamicConfig | None = None,
    ) -> Evaluation:
        """Score a text: perplexity and nats per token, bits per character and per byte, over all tokens.

        Args:
            texts: as for ``fit``.
            cache: a neural cache, to be mixed in.
            dynamic: dynamic evaluation: a copy of the weights learns from what it has read.
        """
        task, engine = self._ready()
        examples = task.prepare(_texts(texts))
        if cache or dynamic:
            return evaluate_adaptively(task, examples, engine, cache=cache, dynamic=dynamic)
        return evaluate(task, examples, engine)

    def score(self, text: str, *, unknown: Literal["error", "<unk>"] = "error") -> TextScore:
        """The log-probability of every token of a text, each given all before it.

        Args:
            text: what to score, read as the beginning of a document.
            unknown: whether characters or words that the model never saw are an error, or are read as ``<unk>``.

        Raises:
            ConfigError: where the text is empty, or has something unknown in it; it is named.
        """
        task, engine = self._ready()
        ids = self._encoded(text, unknown)
        if not len(ids):
            raise ConfigError("there is nothing to score in an empty text")
        store = TokenStore(ids, characters=len(text), bytes=len(text.encode()))
        surprises = predict(task, TextExamples(store, streams=1), engine, confidence=True)
        forward = task.directions[0] == "forward"
        each = [value for surprise in surprises for value in surprise.log_probabilities[0]]
        pieces = [task.tokenizer.pieces[token].decode(errors="replace") for token in ids]
        return TextScore(pieces, each if forward else each[::-1], store.bytes)

    @property
    def classes_(self) -> list[str]:
        """What each token adds to a text, in the order of the columns of ``predict_proba``; ``<eos>`` adds nothing."""
        return self._labels()

    @torch.inference_mode()
    def predict_proba(
        self, prompts: Sequence[str], *, unknown: Literal["error", "<unk>"] = "error"
    ) -> NDArray[np.float64]:
        """For each prompt (a row) the probability of each token (a column) to be the next one.

        Args:
            prompts: beginnings of texts; an empty one asks how texts begin.
            unknown: whether characters or words that the model never saw are an error, or are read as ``<unk>``.

        Raises:
            ConfigError: where one text is given in place of a list, or has something unknown in it.
        """
        if isinstance(prompts, str):
            raise ConfigError("give a list of prompts, such as [prompt], not one prompt")
        task, engine = self._ready()
        network = task.network("forward" if "forward" in task.directions else "backward").eval()
        backward = "forward" not in task.directions
        found = np.zeros((len(prompts), len(task.tokenizer.pieces)))
        for row, prompt in enumerate(prompts):
            ids = self._encoded(prompt, unknown)
            tokens_1T = torch.tensor([[task.tokenizer.end_id, *(ids[::-1] if backward else ids)]], device=engine.device)
            states_1TH = network(tokens_1T, torch.tensor([tokens_1T.shape[1]]), None).states_BTH
            found[row] = network.head.scores(states_1TH[:, -1], network.tied_VH)[0].double().softmax(0).cpu()
        return found

    def predict(self, prompts: Sequence[str], *, unknown: Literal["error", "<unk>"] = "error") -> list[str]:
        """The most probable next token after each prompt, as text; arguments as for ``predict_proba``."""
        likeliest = self.predict_proba(prompts, unknown=unknown).argmax(1)
        pieces = self.classes_
        return [pieces[token] for token in likeliest]

    def generate(
        self,
        prompt: str = "",
        *,
        num_samples: int = 1,
        beam: int = 0,
        seed: int | None = None,
        **options: Any,
    ) -> list[GeneratedText]:
        """Write on from a prompt.

        Args:
            prompt: what the text begins with; it is not repeated in the result.
            num_samples: how many texts; they are drawn side by side, as one batch.
            beam: 0 draws samples; else the most probable texts that a beam search of this width finds.
            seed: of the first sample; sample i has seed + i, and is the same alone. None takes one by chance.
            **options: ``max_tokens`` (500), ``stop`` (strings that end a text, without being part of it), ``unknown``
                (as for ``score``), ``ignore_end`` (whether never to end a text before its length), and the fields of
                ``SamplingFilters``: temperature, top_k, top_p, min_p, typical_p, repetition_penalty, no_repeat_ngram,
                applied in the order that ``seqkit.generation.filters`` documents.

        Raises:
            ConfigError: where an option cannot be used, or the prompt has something that the model never saw.
        """
        if beam:
            return self._searched(prompt, num_samples, beam, options)
        seeds = _seeds(seed, num_samples)
        texts: list[list[Generated]] = [[] for _ in seeds]
        for told in self.stream_samples(prompt, seeds, **options):
            texts[told.sample].append(told)
        return [_joined(told, seed) for told, seed in zip(texts, seeds, strict=True)]

    def stream(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[str]:
        """Write on from a prompt and give the text as it is made; together it is ``generate``'s text, to the byte.

        Args:
            prompt: as for ``generate``.
            seed: likewise.
            **options: likewise.
        """
        for told in self.stream_samples(prompt, _seeds(seed, 1), **options):
            if told.text:
                yield told.text

    def stream_samples(self, prompt: str, seeds: Sequence[int], **options: Any) -> Iterator[Generated]:
        """What ``stream`` gives, of several samples side by side, with tokens and endings; arguments as for it."""
        return sample(self.decoder(), self._prompt(prompt, options), seeds)

    def _searched(self, prompt: str, num_samples: int, beam: int, options: dict[str, Any]) -> list[GeneratedText]:
        if beam < 0 or num_samples > beam:
            raise ConfigError(f"a beam of {beam} cannot give {num_samples} texts; it must be at least as wide")
        found = beam_search(self.decoder(), self._prompt(prompt, options), beam, num_samples)
        return [_joined([text], None) for text in found]

    def _prompt(self, prompt: str, options: Mapping[str, Any]) -> Prompt:
        task, _ = self._ready()
        tokenizer, given = task.tokenizer, dict(options)
        unknown, ignore_end = given.pop("unknown", "error"), given.pop("ignore_end", False)
        own = {name: given.pop(name) for name in ("max_tokens", "stop") if name in given}
        if isinstance(own.get("stop"), str):
            own["stop"] = (own["stop"],)
        try:
            filters = SamplingFilters(**given)
        except TypeError as error:
            raise ConfigError(f"no such option of generation: {str(error).split()[-1]}") from None
        banned = [] if tokenizer.unknown_id is None else [tokenizer.unknown_id]
        ends = not tokenizer.pretokenized  # there <eos> is the end of a line
        return Prompt(
            tokens=[tokenizer.end_id, *self._encoded(prompt, unknown).tolist()],
            pieces=tokenizer.pieces,
            end_id=tokenizer.end_id if ends else None,
            banned=[*banned, tokenizer.end_id] if ends and ignore_end else banned,
            filters=filters,
            **own,
        )

    def _encoded(self, text: str, unknown: str) -> Any:
        task, _ = self._ready()
        if unknown not in ("error", "<unk>"):
            raise ConfigError(f"unknown must be error or <unk>, not {unknown!r}")
        if task.config.unit == "word" and not task.config.pretokenized:
            # A word that training never had at the start of a line is read as one from within it.
            text = min((text, f" {text}"), key=lambda each: len(task.tokenizer.unknown(each)))
        if unknown == "error" and (lacking := task.tokenizer.unknown(text)):
            names = ", ".join(map(repr, lacking[:10])) + (", …" if len(lacking) > 10 else "")
            raise ConfigError(
                f"the model has never seen {names}; leave that out, or have it read as <unk> with unknown='<unk>'"
            )
        return task.tokenizer.encode(text)

    def decoder(self) -> Decoder:
        """The model's weights as the fast decoder has them, made anew when the model was fitted anew."""
        task, _ = self._ready()
        if "forward" not in task.directions:
            raise ConfigError("this model reads backward, and text is written forward; train it with direction=forward")
        if self._decoder is None or self._decoder[0] is not task:
            network = task.network("forward").eval()
            embedding_VD = network.embedding.weight.detach()
            output = network.head.as_module(network.tied_VH)
            self._decoder = task, Decoder(embedding_VD, network.encoders, output)
        return self._decoder[1]

    @classmethod
    def _from_run(cls, run: Mapping[str, Any], **where: Any) -> Self:
        return cls(**where, **run["settings"])


def _texts(data: "Texts | Sequence[str] | Mapping[str, Any] | Dataset") -> Texts:
    return data if isinstance(data, Texts) else open_texts(data, dev_fraction=0.0)["train"]


def _seeds(seed: int | None, count: int) -> list[int]:
    if count < 1:
        raise ConfigError(f"num_samples must be at least 1, not {count}")
    first = secrets.randbelow(2**31) if seed is None else seed
    if not 0 <= first <= MOST_SEED - count:
        raise ConfigError(f"seed must be from 0 to 2**63 - num_samples, not {first}")
    return list(range(first, first + count))


def _joined(told: Sequence[Generated], seed: int | None) -> GeneratedText:
    ending = told[-1].ending
    assert ending is not None
    return GeneratedText(
        "".join(each.text for each in told), [token for each in told for token in each.tokens], ending, seed
    )
