"""``seqkit generate``: generate text with a language model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqkit.config.sampling import SamplingFilters
from seqkit.errors import CheckpointError, CorpusError
from seqkit_cli.chosen_run import ChosenRun, choose_run
from seqkit_cli.options import DeviceOption, VerifyOption, with_options

if TYPE_CHECKING:
    from seqkit_cli.reports.report import GenerateOptions, Report

__all__ = ["generate"]


@with_options(("Sampling, in the order in which it is applied", SamplingFilters))
def generate(
    context: typer.Context,
    model: Annotated[Path | None, typer.Option(help="Run folder; the newest language model if none is given.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Beginning of the text; read from stdin if not given.")] = None,
    prompt_file: Annotated[Path | None, typer.Option(help="File with the prompt; - is stdin.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Maximum number of tokens to generate.")] = 500,
    stop: Annotated[
        list[str] | None, typer.Option(help="End the text before this string; may be given several times.")
    ] = None,
    num_samples: Annotated[int, typer.Option(help="Number of texts, drawn as one batch.")] = 1,
    beam: Annotated[int, typer.Option(help="Width of a beam search for the most probable text; 0 draws samples.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Seed of the first text; text i has seed + i.")] = None,
    stream: Annotated[bool, typer.Option(help="Print a single text as it is generated.")] = True,
    echo: Annotated[bool, typer.Option(help="Print the prompt before the text.")] = True,
    ignore_end: Annotated[
        bool, typer.Option("--ignore-end", help="Continue where the model would end the text.")
    ] = False,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Read as <unk> what is not in the vocabulary.")
    ] = False,
    logprobs: Annotated[bool, typer.Option("--logprobs", help="Print the log-probability of each token.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object for each text.")] = False,
    device: DeviceOption = "auto",
    verify: VerifyOption = True,
    *,
    settings: dict[str, Any],
) -> None:
    """Generate text with a language model: the one that is given, or the one that was trained last."""
    from seqkit_cli.reports.report import GenerateOptions

    settings |= {"max_tokens": max_tokens, "stop": tuple(stop or ()), "ignore_end": ignore_end}
    options = GenerateOptions(
        num_samples=num_samples,
        beam=beam,
        seed=seed,
        stream=stream,
        echo=echo,
        logprobs=logprobs,
        as_json=as_json,
        settings={**settings, "unknown": "<unk>" if allow_unknown else "error"},
    )
    begun = _prompt(prompt, prompt_file)
    _print_text(choose_run(context, model, usable=_generates, verify=verify), begun, options, device)


def _generates(report: "Report[Any, Any]") -> bool:
    return report.generate is not None


def _print_text(chosen: ChosenRun, prompt: str, options: "GenerateOptions", device: DeviceOption) -> None:
    generate_text = chosen.report.generate
    if generate_text is None:
        raise CheckpointError(f"{chosen.path} has a model of the task {chosen.spec.name!r}, which generates no text")
    generate_text(chosen.load(device=device), prompt, options)


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
    if sys.stdin is None and str(prompt_file) == "-":
        raise typer.BadParameter("stdin is closed", param_hint="--prompt-file")
    name = "stdin" if prompt_file is None or str(prompt_file) == "-" else str(prompt_file)
    content = sys.stdin.buffer.read() if name == "stdin" else Path(name).read_bytes()
    try:
        return content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CorpusError("not UTF-8; convert the file, for instance with iconv", file=name, line=line) from None
