"""From a prompt to text: tokens are drawn one by one, and their bytes are decoded as soon as characters are complete.

The prompt is read in one pass. Then, for each token: scores → filters → a draw with the sample's own random numbers →
one step of the model. Samples that have ended leave the batch. Nothing is computed twice, and only the state is kept,
so a text may have any length.

Shapes: B samples that have not ended, V vocabulary.
"""

import codecs
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from seqkit.errors import ConfigError, setting_ref
from seqkit.generation.decoder import Decoder, State
from seqkit.generation.filters import SamplingFilters, TokenHistory, Uniforms, check_chosen, choose, filtered

__all__ = ["Ending", "Generated", "GeneratedToken", "Prompt", "TextAssembler", "beam_search", "sample", "seeds_of"]

Ending = Literal["length", "stop", "end"]
MAX_SEED = 2**63


def seeds_of(seed: int | None, count: int) -> list[int]:
    """Return the seeds of several samples: consecutive numbers from ``seed`` on, or from a random one if it is None.

    Raises:
        ConfigError: if there is no sample, or a seed is out of range.

    >>> seeds_of(3, 2)
    [3, 4]
    """
    if count < 1:
        raise ConfigError(f"{setting_ref('num_samples')} must be at least 1, not {count}")
    first = secrets.randbelow(2**31) if seed is None else seed
    if not 0 <= first <= MAX_SEED - count:
        raise ConfigError(f"{setting_ref('seed')} must be from 0 to 2**63 - {setting_ref('num_samples')}, not {first}")
    return list(range(first, first + count))


class GeneratedToken(NamedTuple):
    """A drawn token: its id, the bytes it adds to the text, and its log-probability before any filter."""

    id: int
    piece: bytes
    log_probability: float

    def to_dict(self) -> dict[str, int | str | float]:
        """Return the token as JSON values; bytes that are not a whole character become U+FFFD.

        >>> GeneratedToken(7, b"ab", -0.5).to_dict()
        {'id': 7, 'text': 'ab', 'log_probability': -0.5}
        """
        return {"id": self.id, "text": self.piece.decode(errors="replace"), "log_probability": self.log_probability}


@dataclass(frozen=True)
class Generated:
    """The continuation of one sample since the last one: new text that is final, and its tokens.

    Attributes:
        sample: the number of the sample.
        text: text that no further token can change. It may lag some tokens behind, while they may be the beginning of a
            stop string or of a character.
        tokens: the tokens drawn.
        ending: why the sample has ended: ``length``, ``stop`` (at a stop string) or ``end`` (at the end of a text);
            None if it continues.
    """

    sample: int
    text: str
    tokens: list[GeneratedToken] = field(default_factory=list)
    ending: Ending | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the continuation as JSON values.

        >>> Generated(0, "ab", ending="length").to_dict()
        {'sample': 0, 'text': 'ab', 'tokens': [], 'ending': 'length'}
        """
        tokens = [token.to_dict() for token in self.tokens]
        return {"sample": self.sample, "text": self.text, "tokens": tokens, "ending": self.ending}


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The beginning of a text, and how to continue it.

    Attributes:
        tokens: the ids of the prompt, after the token that precedes a text.
        pieces: for each token of the vocabulary, the bytes it adds.
        end_id: the token that ends a text; None if texts have no end.
        banned: tokens that are never drawn.
        max_tokens: maximum number of tokens of a sample.
        stop: strings that end a sample; they are not part of it.
        filters: how tokens are drawn.

    Raises:
        ConfigError: if ``max_tokens`` is below 1, or a stop string is empty.
    """

    tokens: Sequence[int]
    pieces: Sequence[bytes]
    end_id: int | None
    banned: Sequence[int] = ()
    max_tokens: int = 500
    stop: Sequence[str] = ()
    filters: SamplingFilters = SamplingFilters()  # noqa: RUF009 (frozen)

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ConfigError(f"{setting_ref('max_tokens')} must be at least 1, not {self.max_tokens}")
        if "" in self.stop:
            raise ConfigError("a stop string must not be empty")


class TextAssembler:
    """Decodes the bytes of tokens, and holds text back while further bytes could change it.

    Args:
        stop: strings at which the text ends.

    >>> assembler = TextAssembler(["END"])
    >>> [assembler.add(piece) for piece in (b"caf\\xc3", b"\\xa9 E", b"mma E", b"ND of it")]
    ['caf', 'é ', 'Emma ', '']
    >>> assembler.stopped
    True
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self.stop = tuple(stop)
        self.stopped = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def add(self, piece: bytes, *, last: bool = False) -> str:
        """Add bytes, and return the text that is final now; ``last`` means that no more bytes follow."""
        self._held += self._decoder.decode(piece, last)
        found = [place for place in map(self._held.find, self.stop) if place >= 0]
        if found:
            self.stopped = True
            text, self._held = self._held[: min(found)], ""
            return text
        keep = 0 if last else max((_overlap(self._held, stop) for stop in self.stop), default=0)
        text, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return text

    def copy(self) -> "TextAssembler":
        """Return an independent copy in the same state."""
        copied = TextAssembler(self.stop)
        copied.stopped, copied._held = self.stopped, self._held
        copied._decoder.setstate(self._decoder.getstate())
        return copied


def _overlap(text: str, stop: str) -> int:
    """Return how many of the last characters of a text are the first characters of a stop string."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)


@torch.inference_mode()
def sample(model: Decoder, prompt: Prompt, seeds: Sequence[int]) -> Iterator[Generated]:
    """Draw several samples in one batch, and yield each token of each sample as it is drawn.

    Args:
        model: the model.
        prompt: the beginning of the text, and how to continue it.
        seeds: one for each sample. A sample has random numbers of its own, so it does not depend on the other samples.
    """
    scores_BV, state = _read_prompt(model, prompt, len(seeds))
    uniforms = Uniforms(seeds, scores_BV.device)
    history = _history(prompt, scores_BV, len(seeds))
    assemblers = [TextAssembler(prompt.stop) for _ in seeds]
    active = list(range(len(seeds)))
    for count in range(1, prompt.max_tokens + 1):
        filtered_BV = filtered(_without(scores_BV, prompt.banned), prompt.filters, history)
        tokens_B = choose(filtered_BV, prompt.filters, uniforms.draw(active))
        drawn, log_probabilities = _with_log_probabilities(scores_BV, tokens_B)
        kept = []
        for row, (number, token) in enumerate(zip(active, drawn, strict=True)):
            new = GeneratedToken(token, prompt.pieces[token], log_probabilities[row])
            generated = _extend(number, assemblers[number], new, prompt, last=count == prompt.max_tokens)
            if generated.ending is None:
                kept.append(row)
            yield generated
        if not kept:
            return
        history.add(drawn)
        if len(kept) < len(active):
            rows = torch.tensor(kept, device=scores_BV.device)
            state = model.select(state, rows)
            history.select(kept)
            active, tokens_B = [active[row] for row in kept], tokens_B[rows]
        scores_BV, state = model.step(tokens_B, state)


def _read_prompt(model: Decoder, prompt: Prompt, rows: int) -> tuple[Tensor, State]:
    """Read the prompt once, and return scores and state for all samples."""
    tokens_T = torch.tensor(list(prompt.tokens), device=model.device)
    scores_1V, state = model.read(tokens_T, model.initial_state(1))
    first_B = torch.zeros(rows, dtype=torch.int64, device=scores_1V.device)
    return scores_1V.index_select(0, first_B), model.select(state, first_B)


def _history(prompt: Prompt, scores_BV: Tensor, rows: int) -> TokenHistory:
    history = TokenHistory(prompt.filters, rows, scores_BV.shape[1], scores_BV.device)
    for row in range(rows):
        history.read(row, prompt.tokens[1:])  # the token before the text is not part of it
    return history


def _without(scores_BV: Tensor, banned: Sequence[int]) -> Tensor:
    if not banned:
        return scores_BV
    scores_BV = scores_BV.clone()
    scores_BV[:, list(banned)] = -torch.inf
    return scores_BV


def _with_log_probabilities(scores_BV: Tensor, tokens_B: Tensor) -> tuple[list[int], list[float]]:
    """Return the chosen tokens and their log-probabilities, which are copied from the device in one piece.

    Raises:
        DivergenceError: if some row has no token.
    """
    vocabulary = scores_BV.shape[1]
    indices_B1 = tokens_B[:, None].clamp(max=vocabulary - 1)
    values_B = scores_BV.log_softmax(-1).gather(1, indices_B1)[:, 0]
    tokens, values = torch.stack([tokens_B.double(), values_B.double()]).tolist()
    drawn = [int(token) for token in tokens]
    check_chosen(drawn, vocabulary)
    return drawn, values


def _extend(number: int, assembler: TextAssembler, new: GeneratedToken, prompt: Prompt, *, last: bool) -> Generated:
    """Add a token to a sample."""
    if new.id == prompt.end_id:
        return Generated(number, assembler.add(b"", last=True), [new], "end")
    text = assembler.add(new.piece, last=last)
    return Generated(number, text, [new], "stop" if assembler.stopped else "length" if last else None)


@dataclass
class _Beam:
    """A text of a beam search: its tokens, their log-probability, and its text so far."""

    tokens: list[GeneratedToken]
    score: float
    text: str
    assembler: TextAssembler
    ending: Ending | None = None


@torch.inference_mode()
def beam_search(model: Decoder, prompt: Prompt, width: int, best: int) -> list[Generated]:
    """Return the most probable texts that a beam search finds, the best first.

    The score of a text is the sum of the log-probabilities of its tokens, after the repetition penalty and the ban of
    n-grams; the other filters have no effect. The search ends when no unfinished text can become better than those
    found.

    Args:
        model: the model.
        prompt: the beginning of the text, and how to continue it.
        width: the number of texts that are extended at once.
        best: how many texts to return, ``width`` at most.
    """
    filters = replace(prompt.filters, temperature=0.0)  # only what is applied before the temperature
    scores_BV, state = _read_prompt(model, prompt, 1)
    history = TokenHistory(filters, 1, scores_BV.shape[1], scores_BV.device)
    history.read(0, prompt.tokens[1:])
    beams, ended = [_Beam([], 0.0, "", TextAssembler(prompt.stop))], list[_Beam]()
    for count in range(1, prompt.max_tokens + 1):
        allowed_BV = filtered(_without(scores_BV, prompt.banned), filters, history).log_softmax(-1)
        candidates = _candidates(beams, scores_BV.log_softmax(-1), allowed_BV, 2 * width, prompt.pieces)
        active, rows, new = _advance(beams, candidates, prompt, width, last=count == prompt.max_tokens)
        ended += new
        ended = sorted(ended, key=lambda beam: -beam.score)[:best]
        if not active or (len(ended) == best and ended[-1].score >= active[0].score):
            break
        beams, last = active, [beam.tokens[-1].id for beam in active]
        state = model.select(state, torch.tensor(rows, device=scores_BV.device))
        history.select(rows)
        history.add(last)
        scores_BV, state = model.step(torch.tensor(last, device=scores_BV.device), state)
    return [Generated(number, beam.text, beam.tokens, beam.ending) for number, beam in enumerate(ended)]


def _advance(
    beams: Sequence[_Beam],
    candidates: Iterator[tuple[int, GeneratedToken, float]],
    prompt: Prompt,
    width: int,
    *,
    last: bool,
) -> tuple[list[_Beam], list[int], list[_Beam]]:
    """Return the best continuations that have not ended, the rows they come from, and the better ones that have."""
    active, rows, ended = list[_Beam](), list[int](), list[_Beam]()
    for row, new, score in candidates:
        if len(active) == width:
            break
        beam = _extended_beam(beams[row], new, score, prompt, last=last)
        if beam.ending is None:
            active.append(beam)
            rows.append(row)
        else:
            ended.append(beam)
    return active, rows, ended


def _candidates(
    beams: Sequence[_Beam], plain_BV: Tensor, allowed_BV: Tensor, most: int, pieces: Sequence[bytes]
) -> Iterator[tuple[int, GeneratedToken, float]]:
    """Yield the best continuations, the best first: the row of the text, its next token, and its score with it."""
    so_far_B = torch.tensor([beam.score for beam in beams], dtype=torch.float64, device=plain_BV.device)
    totals_BV = allowed_BV.double() + so_far_B[:, None]
    top = totals_BV.flatten().topk(min(most, totals_BV.numel()))
    for score, place in zip(top.values.tolist(), top.indices.tolist(), strict=True):
        if score > -torch.inf:
            row, token = divmod(place, totals_BV.shape[1])
            yield row, GeneratedToken(token, pieces[token], float(plain_BV[row, token])), score


def _extended_beam(beam: _Beam, new: GeneratedToken, score: float, prompt: Prompt, *, last: bool) -> _Beam:
    assembler = beam.assembler.copy()
    generated = _extend(0, assembler, new, prompt, last=last)
    return _Beam([*beam.tokens, new], score, beam.text + generated.text, assembler, generated.ending)
