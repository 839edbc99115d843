"""``seqkit generate``: write text with a language model."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqkit.config.sampling import SamplingFilters
from seqkit.errors import CorpusError
from seqkit.runs.folder import RunFolder, newest_run
from seqkit_cli.options import DeviceOption, with_options

if TYPE_CHECKING:
    from seqkit.generation.generate import GeneratedToken
    from seqkit.language_model import GeneratedText

__all__ = ["generate"]


@with_options(("Sampling, in the order in which it is applied", SamplingFilters))
def generate(
    model: Annotated[
        Path | None, typer.Option(help="Run folder; the newest language model where none is named.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="What the text begins with; else it is read from stdin.")] = None,
    prompt_file: Annotated[Path | None, typer.Option(help="File that holds the prompt; - is stdin.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Most tokens to write.")] = 500,
    stop: Annotated[list[str] | None, typer.Option(help="End before this string; may be given several times.")] = None,
    num_samples: Annotated[int, typer.Option(help="How many texts, drawn as one batch.")] = 1,
    beam: Annotated[int, typer.Option(help="Width of a beam search for the most probable text; 0 draws.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Of the first text; text i has seed + i.")] = None,
    stream: Annotated[bool, typer.Option(help="Show a single text as it is made.")] = True,
    echo: Annotated[bool, typer.Option(help="Print the prompt before the text.")] = True,
    ignore_end: Annotated[bool, typer.Option("--ignore-end", help="Write on where the model would end.")] = False,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Read as <unk> what in the prompt the model never saw.")
    ] = False,
    logprobs: Annotated[bool, typer.Option("--logprobs", help="Print each token's log-probability, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object for each text.")] = False,
    device: DeviceOption = "auto",
    *,
    settings: dict[str, Any],
) -> None:
    """Write text with a language model: the last one trained, or the one named."""
    begun = _prompt(prompt, prompt_file)
    path = model or newest_run({"lm"})
    RunFolder(path).read_run()  # a wrong folder is told before torch is loaded
    from seqkit.language_model import LanguageModel

    loaded = LanguageModel.load(path, device=device)
    options = {
        **settings,
        "max_tokens": max_tokens,
        "stop": tuple(stop or ()),
        "ignore_end": ignore_end,
        "unknown": "<unk>" if allow_unknown else "error",
    }
    if stream and num_samples == 1 and not (beam or as_json or logprobs):
        _write(loaded.stream(begun, seed=seed, **options), begun if echo else "")
        return
    texts = loaded.generate(begun, num_samples=num_samples, beam=beam, seed=seed, **options)
    for number, text in enumerate(texts, start=1):
        if as_json:
            print(_as_json(begun, text, logprobs=logprobs))
            continue
        if len(texts) > 1:
            print(f"--- {number} of {len(texts)}" + (f", seed {text.seed}" if text.seed is not None else ""))
        if logprobs:
            _write_tokens(text.tokens)
        else:
            _write([text.text], begun if echo else "")


def _prompt(prompt: str | None, prompt_file: Path | None) -> str:
    if prompt is not None and prompt_file is not None:
        raise typer.BadParameter("give --prompt or --prompt-file, not both")
    if prompt is not None:
        try:
            prompt.encode()
        except UnicodeEncodeError:
            raise typer.BadParameter("the prompt is not UTF-8", param_hint="--prompt") from None
        return prompt
    if prompt_file is None and (sys.stdin is None or sys.stdin.isatty()):
        return ""
    name = "stdin" if prompt_file is None or str(prompt_file) == "-" else str(prompt_file)
    content = sys.stdin.buffer.read() if name == "stdin" else Path(name).read_bytes()
    try:
        return content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CorpusError("not UTF-8; convert the file, for instance with iconv", file=name, line=line) from None


def _write(pieces: Iterable[str], prompt: str) -> None:
    """The prompt and the text, as it comes, and a line end where it has none."""
    last = "\n"
    first = True
    for piece in pieces:
        print(prompt + piece if first else piece, end="", flush=True)
        last, first = (piece or last)[-1], False
    if first:
        print(prompt, end="")
        last = prompt[-1:] or last
    if last != "\n":
        print()


def _write_tokens(tokens: "list[GeneratedToken]") -> None:
    for token in tokens:
        print(f"{token.log_probability:9.4f}  {token.piece.decode(errors='replace')!r}")


def _as_json(prompt: str, text: "GeneratedText", *, logprobs: bool) -> str:
    found: dict[str, Any] = {"prompt": prompt, "text": text.text, "ending": text.ending, "seed": text.seed}
    if logprobs:
        found["tokens"] = [
            {"id": token.id, "text": token.piece.decode(errors="replace"), "log_probability": token.log_probability}
            for token in text.tokens
        ]
    return json.dumps(found, ensure_ascii=False)
