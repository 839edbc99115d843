"""Models that were loaded in a process can be used in the processes that are forked from it."""

import json
import os
import subprocess
import sys

import pytest
import torch

from seqkit.training.device import Device

# The parent uses every model before it forks, so that PyTorch's threads exist; with one thread there is no deadlock.
PROGRAM = """
import json, multiprocessing, sys, warnings
import torch
from datasets import Dataset
from tests.tiny import ROWS, tiny_tagger
from tests.tiny_labels import LABELS, TEXTS, tiny_classifier
from tests.tiny_text import tiny_language_model

warnings.filterwarnings("ignore", category=DeprecationWarning)  # Python 3.12: the process has threads
text = "Ada met Bo in Ghent . " * 60
torch.set_num_threads(1)  # for training, which is faster so
tagger = tiny_tagger(epochs=1, hidden_size=64).fit(ROWS, ROWS)
classifier = tiny_classifier(epochs=1, hidden_size=64).fit(TEXTS, LABELS, dev=(TEXTS, LABELS))
language_model = tiny_language_model(epochs=1, hidden_size=64).fit([text], dev=[text])
torch.set_num_threads(2)

uses = {
    "Tagger": lambda: tagger.predict([text, "Bo ran"])[0].tags,
    "Classifier": lambda: classifier.predict([text, "Bo ran"]).tolist(),
    "LanguageModel": lambda: round(language_model.score(text).perplexity, 3),
}

def use(name):
    return uses[name]()

def tag(row):
    return {"tags": tagger.predict([row["tokens"]])[0].tags}

wanted = {name: use(name) for name in uses}
threads = torch.get_num_threads()
with multiprocessing.get_context("fork").Pool(2) as pool:
    found = dict(zip(uses, pool.map_async(use, uses).get(timeout=60)))
    child_threads = pool.apply(torch.get_num_threads)
mapped = Dataset.from_dict({"tokens": ROWS["tokens"]}).map(tag, num_proc=2)["tags"]
print(json.dumps({
    "same": found == wanted,
    "mapped": list(mapped) == [tag({"tokens": tokens})["tags"] for tokens in ROWS["tokens"]],
    "threads": [threads, child_threads, torch.get_num_threads()],
}))
"""


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


@pytest.mark.slow
def test_a_loaded_model_can_be_used_in_forked_processes() -> None:
    paths = os.pathsep.join(map(os.path.abspath, sys.path))
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "2", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    environment.pop("TOKENIZERS_PARALLELISM", None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"same": True, "mapped": True, "threads": [2, 1, 2]}


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # of os.fork, from Python 3.12
@pytest.mark.parametrize("chosen", [None, "true"])
def test_a_fork_changes_the_threads_of_the_child_alone(chosen: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    Device.open("cpu")
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    if chosen is not None:
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", chosen)
    torch.set_num_threads(2)
    try:
        child = os.fork()
        if child == 0:
            as_wanted = torch.get_num_threads() == 1 and os.environ["TOKENIZERS_PARALLELISM"] == (chosen or "false")
            os._exit(0 if as_wanted else 1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert os.waitpid(child, 0)[1] == 0
    assert os.environ.get("TOKENIZERS_PARALLELISM") == chosen
