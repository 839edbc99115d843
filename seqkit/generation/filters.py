"""The filters of sampling, and the draw of the next token.

A filter is a pure function of logits (B, V). It returns −∞ for the tokens that it excludes, and never excludes all
tokens of a row. :func:`filtered` applies those that are set, in the order and with the definitions of Hugging Face
transformers::

    repetition penalty → no repeated n-gram → temperature → top-k → top-p → min-p → typical-p

Rows are independent: a row gives the same bits alone and in any batch. For that reason, sums over the vocabulary are
computed by softmax and cumsum, which process each row by itself, while ``sum`` may split a single row among threads.

Shapes: B batch, V vocabulary. Logits are float32 or float64.
"""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from seqkit.config.sampling import SamplingFilters
from seqkit.errors import DivergenceError

__all__ = [
    "SamplingFilters",
    "TokenHistory",
    "Uniforms",
    "check_chosen",
    "choose",
    "filtered",
    "min_p",
    "no_repeat_ngram",
    "repetition_penalty",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
]

UNIFORMS_AT_ONCE = 64


def repetition_penalty(logits_BV: Tensor, seen_BV: Tensor, penalty: float) -> Tensor:
    """Make earlier tokens less probable (Keskar et al. 2019, section 4.1).

    Args:
        logits_BV: the scores.
        seen_BV: whether the token has occurred in the row.
        penalty: the divisor of positive scores and the factor of negative ones; below 1 it encourages repetition.

    >>> repetition_penalty(torch.tensor([[3.0, -3.0, 1.0]]), torch.tensor([[True, True, False]]), 2.0)
    tensor([[ 1.5000, -6.0000,  1.0000]])
    """
    penalized_BV = torch.where(logits_BV < 0, logits_BV * penalty, logits_BV / penalty)
    return torch.where(seen_BV, penalized_BV, logits_BV)


def no_repeat_ngram(logits_BV: Tensor, banned: Sequence[Collection[int]]) -> Tensor:
    """Exclude tokens that would repeat an n-gram (Paulus et al. 2018, section 2.5).

    Args:
        logits_BV: the scores.
        banned: the tokens to exclude in each row, as :meth:`TokenHistory.banned` returns them. If no other token is
            possible in a row, none is excluded there.

    >>> no_repeat_ngram(torch.zeros(2, 3), [{2}, {0, 1, 2}])
    tensor([[0., 0., -inf],
            [0., 0., 0.]])
    """
    rows = [row for row, tokens in zip(range(len(logits_BV)), banned, strict=True) for _ in tokens]
    if not rows:
        return logits_BV
    left_BV = logits_BV.clone()
    left_BV[rows, [token for tokens in banned for token in tokens]] = -torch.inf
    return torch.where(left_BV.amax(1, keepdim=True) == -torch.inf, logits_BV, left_BV)


def temperature(logits_BV: Tensor, value: float) -> Tensor:
    """Divide logits by a temperature: below 1 it sharpens the distribution, above 1 it flattens it.

    >>> temperature(torch.tensor([[1.0, 2.0]]), 0.5)
    tensor([[2., 4.]])
    """
    return logits_BV / value


def top_k(logits_BV: Tensor, k: int) -> Tensor:
    """Keep the k most probable tokens of each row, and those as probable as the last of them (Fan et al. 2018).

    >>> top_k(torch.tensor([[3.0, 1.0, 2.0, 2.0]]), 2)
    tensor([[3., -inf, 2., 2.]])
    """
    if k >= logits_BV.shape[1]:
        return logits_BV
    return logits_BV.masked_fill(logits_BV < logits_BV.topk(k).values[:, -1:], -torch.inf)


def top_p(logits_BV: Tensor, mass: float) -> Tensor:
    """Keep the smallest set of most probable tokens that has this probability (Holtzman et al. 2020, "nucleus").

    Among equal tokens at the border, those that ``torch.sort`` puts last are kept, as in transformers.

    >>> top_p(torch.tensor([[0.5, 0.3, 0.2]]).log(), 0.7).exp()
    tensor([[0.5000, 0.3000, 0.0000]])
    """
    sorted_BV, order_BV = logits_BV.sort()  # ascending: excluded tokens come first
    out_BV = sorted_BV.softmax(-1).cumsum(-1) <= 1 - mass
    out_BV[:, -1] = False
    return logits_BV.masked_fill(_unsorted(out_BV, order_BV), -torch.inf)


def min_p(logits_BV: Tensor, share: float) -> Tensor:
    """Keep the tokens at least as probable as this share of the most probable one (Nguyen et al. 2024).

    >>> min_p(torch.tensor([[0.5, 0.3, 0.2]]).log(), 0.5).exp()
    tensor([[0.5000, 0.3000, 0.0000]])
    """
    probabilities_BV = logits_BV.softmax(-1)
    return logits_BV.masked_fill(probabilities_BV < share * probabilities_BV.amax(-1, keepdim=True), -torch.inf)


def typical_p(logits_BV: Tensor, mass: float) -> Tensor:
    """Keep the tokens whose information is closest to the row's entropy, up to this probability (Meister et al. 2023).

    Tokens as far from the entropy as the last one needed are kept, too.

    >>> typical_p(torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log(), 0.2).exp()
    tensor([[0.0000, 0.3000, 0.0000, 0.0000]])
    """
    information_BV = -logits_BV.log_softmax(-1)
    terms_BV = (logits_BV.softmax(-1) * information_BV).nan_to_num(0.0)  # 0 · ∞ for an excluded token
    distance_BV, order_BV = (information_BV - terms_BV.cumsum(-1)[:, -1:]).abs().sort()
    needed_B1 = (logits_BV.gather(1, order_BV).softmax(-1).cumsum(-1) < mass).sum(-1, keepdim=True)
    limit_B1 = distance_BV.gather(1, needed_B1.clamp_(max=logits_BV.shape[1] - 1))
    return logits_BV.masked_fill(_unsorted(distance_BV > limit_B1, order_BV), -torch.inf)


def _unsorted(values_BV: Tensor, order_BV: Tensor) -> Tensor:
    return torch.empty_like(values_BV).scatter_(1, order_BV, values_BV)


class TokenHistory:
    """What the filters need to know about earlier tokens. The cost of a new token does not depend on their number.

    Args:
        filters: the filters to keep a history for; most need none.
        rows: number of rows B; they start empty.
        vocabulary: number of tokens V.
        device: the device of the logits.

    Attributes:
        seen_BV: whether a token has occurred in a row; (B, 0) without a repetition penalty.

    >>> history = TokenHistory(SamplingFilters(no_repeat_ngram=2), rows=2, vocabulary=5)
    >>> history.read(0, [3, 4, 3])
    >>> history.banned()
    [{4}, set()]
    >>> history.select([0, 0])
    >>> history.add([2, 3])
    >>> history.banned()
    [set(), {3, 4}]
    """

    def __init__(
        self, filters: SamplingFilters, rows: int, vocabulary: int, device: torch.device | str = "cpu"
    ) -> None:
        width = vocabulary if filters.repetition_penalty != 1 else 0
        self.seen_BV = torch.zeros(rows, width, dtype=torch.bool, device=device)
        size = filters.no_repeat_ngram
        self._ngrams = [_NGrams(size) for _ in range(rows)] if size else []

    def add(self, tokens: Sequence[int]) -> None:
        """Add one new token to each row.

        Raises:
            ValueError: if there is not one token for each row.
        """
        if len(tokens) != len(self.seen_BV):
            raise ValueError(f"{len(tokens)} tokens for {len(self.seen_BV)} rows")
        if self.seen_BV.shape[1]:
            tokens_B = torch.tensor(tokens, dtype=torch.int64, device=self.seen_BV.device)
            self.seen_BV.scatter_(1, tokens_B.unsqueeze(1), True)
        for ngrams, token in zip(self._ngrams, tokens, strict=False):  # empty if no filter needs it
            ngrams.add(token)

    def read(self, row: int, tokens: Sequence[int]) -> None:
        """Add several tokens, such as a prompt, to one row."""
        if self.seen_BV.shape[1]:
            self.seen_BV[row, torch.tensor(tokens, dtype=torch.int64, device=self.seen_BV.device)] = True
        if self._ngrams:
            for token in tokens:
                self._ngrams[row].add(token)

    def select(self, rows: Sequence[int]) -> None:
        """Keep the given rows in the given order; repeated rows become independent copies."""
        self.seen_BV = self.seen_BV[torch.tensor(rows, dtype=torch.int64, device=self.seen_BV.device)]
        if not self._ngrams:
            return
        selected: dict[_NGrams, None] = {}
        for row in rows:
            ngrams = self._ngrams[row]
            selected[ngrams.copy() if ngrams in selected else ngrams] = None
        self._ngrams = list(selected)

    def banned(self) -> list[Collection[int]]:
        """Return, for each row, the tokens that would complete an n-gram that it already contains."""
        return [ngrams.followers.get(ngrams.last, set()) for ngrams in self._ngrams]


class _NGrams:
    """The n-grams of one row: the tokens that have followed each n − 1 tokens; and its last n − 1 tokens."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.last: tuple[int, ...] = ()
        self.followers: dict[tuple[int, ...], set[int]] = {}

    def add(self, token: int) -> None:
        ngram = (*self.last, token)
        if len(ngram) == self.size:
            self.followers.setdefault(self.last, set()).add(token)
            ngram = ngram[1:]
        self.last = ngram

    def copy(self) -> "_NGrams":
        copied = _NGrams(self.size)
        copied.last = self.last
        copied.followers = {before: set(after) for before, after in self.followers.items()}
        return copied


def filtered(logits_BV: Tensor, filters: SamplingFilters, history: TokenHistory) -> Tensor:
    """Apply all filters that are set, in the order given in the module's docstring.

    Args:
        logits_BV: the scores; they are not changed, and are returned if no filter is set.
        filters: the filters. With a temperature of 0, only those before the temperature are applied.
        history: the earlier tokens, kept for the same filters.

    >>> filters = SamplingFilters(temperature=0.5, top_k=2)
    >>> filtered(torch.tensor([[1.0, 2.0, 3.0]]), filters, TokenHistory(filters, 1, 3))
    tensor([[-inf, 4., 6.]])
    """
    if filters.repetition_penalty != 1:
        logits_BV = repetition_penalty(logits_BV, history.seen_BV, filters.repetition_penalty)
    if filters.no_repeat_ngram:
        logits_BV = no_repeat_ngram(logits_BV, history.banned())
    if filters.temperature == 0:
        return logits_BV
    if filters.temperature != 1:
        logits_BV = temperature(logits_BV, filters.temperature)
    if filters.top_k:
        logits_BV = top_k(logits_BV, filters.top_k)
    if filters.top_p < 1:
        logits_BV = top_p(logits_BV, filters.top_p)
    if filters.min_p > 0:
        logits_BV = min_p(logits_BV, filters.min_p)
    if filters.typical_p < 1:
        logits_BV = typical_p(logits_BV, filters.typical_p)
    return logits_BV


def choose(logits_BV: Tensor, filters: SamplingFilters, uniforms_B: Tensor) -> Tensor:
    """Choose a token for each row: a draw from the softmax, or the first most probable token at a temperature of 0.

    The choice depends only on the logits and the number of a row, not on other rows, and is made on the device of the
    logits.

    Args:
        logits_BV: the result of :func:`filtered`.
        filters: the filters, of which only the temperature is used.
        uniforms_B: a number from [0, 1) for each row, float64 (see :class:`Uniforms`); not used at a temperature of 0.

    Returns:
        The tokens (B,), int64; V for a row that contains NaN or +∞, or only −∞.

    Raises:
        ValueError: if there is not one number for each row.

    >>> choose(torch.tensor([[1.0, 3.0, 3.0]]), SamplingFilters(temperature=0), torch.zeros(1))
    tensor([1])
    >>> choose(torch.tensor([[-torch.inf, 3.0], [0.0, torch.nan]]), SamplingFilters(), torch.zeros(2))
    tensor([1, 2])
    """
    best_B1, best_token_B1 = logits_BV.max(1, keepdim=True)
    tokens_B1 = best_token_B1 if filters.temperature == 0 else _drawn(logits_BV - best_B1, uniforms_B)
    return torch.where(best_B1.isfinite(), tokens_B1, logits_BV.shape[1])[:, 0]


def _drawn(relative_BV: Tensor, uniforms_B: Tensor) -> Tensor:
    """Return the inverse of each row's cumulative distribution at a number u in [0, 1), (B, 1).

    This is the first token whose cumulative weight is *greater* than u · total. The weights are integers: the
    probabilities relative to the highest one, in units as small as an int64 total allows, rounded up. So their sums are
    exact, in whatever order a device adds them, and an excluded token, which adds 0, is never chosen.

    Args:
        relative_BV: the logits minus the highest one of their row.
        uniforms_B: the numbers, float64.
    """
    if len(uniforms_B) != len(relative_BV):
        raise ValueError(f"{len(uniforms_B)} random numbers for {len(relative_BV)} rows")
    units = 2.0 ** min(52, 62 - relative_BV.shape[1].bit_length())
    weights_BV = relative_BV.double().exp_().mul_(units).ceil_().nan_to_num_(0.0).long()
    cumulative_BV = weights_BV.cumsum(-1)
    total_B1 = cumulative_BV[:, -1:]
    chosen_B1 = (uniforms_B.to(total_B1.device)[:, None] * total_B1).long().minimum(total_B1 - 1)
    return torch.searchsorted(cumulative_BV, chosen_B1, right=True)


def check_chosen(tokens: Sequence[int], vocabulary: int) -> None:
    """Raise DivergenceError if :func:`choose` could not choose a token for some row.

    >>> check_chosen([2, 0], 3)
    """
    if vocabulary in tokens:
        raise DivergenceError(
            f"the scores of row {tokens.index(vocabulary)} are NaN or infinite, so no token can be chosen; "
            "use a model that was trained without divergence"
        )


class Uniforms:
    """Streams of random numbers from [0, 1), one for each seed, as they are needed one by one.

    They are drawn in blocks, which gives the same numbers as drawing them one by one.

    Args:
        seeds: the seeds.
        device: the device to return numbers on.

    >>> numbers = Uniforms([7, 8])
    >>> first, second = numbers.draw([0, 1]), numbers.draw([1])
    >>> generator = torch.Generator().manual_seed(8)
    >>> [float(torch.rand((), dtype=torch.float64, generator=generator)) for _ in range(2)] == [first[1], second[0]]
    True
    """

    def __init__(self, seeds: Sequence[int], device: torch.device | str = "cpu") -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._device = device
        self._block_NB = torch.empty(0, len(seeds), dtype=torch.float64)
        self._position = 0

    def draw(self, streams: Sequence[int]) -> Tensor:
        """Return the next number of some streams, (B,), float64. The others skip one."""
        if self._position == len(self._block_NB):
            numbers = [torch.rand(UNIFORMS_AT_ONCE, dtype=torch.float64, generator=own) for own in self._generators]
            self._block_NB, self._position = torch.stack(numbers, 1), 0
        self._position += 1
        return self._block_NB[self._position - 1][list(streams)].to(self._device)
