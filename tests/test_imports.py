"""The rules of who imports whom, held by reading the source.

Imports inside functions and under TYPE_CHECKING count as much as those at the top.
A rule is changed here on purpose, with its reason, or not at all.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "explorer"
FILES = sorted(PACKAGE.rglob("*.py"))
PAGES = sorted((ROOT / "pages").rglob("*.py"))

# Every room of explorer/, in the order of the data: a room imports only from rooms above it,
# and only from those named. A new room takes its place in this table.
#   dataset -> model -> objective -> (checkpoint) -> training -> latents -> projection -> latent_map -> page
# `training` writes checkpoints, so `checkpoint` stands before it.
MAY_IMPORT: dict[str, set[str]] = {
    "texts": set(),
    "cancellation": set(),  # asked between the steps of whatever may take long
    "kinds": set(),
    "names": {"texts"},
    "owners": set(),
    "archives": {"kinds", "texts"},
    "leftovers": set(),
    "config": set(),
    "device": set(),
    "address": set(),
    "view": {"address"},
    # One's own pictures: named by people, brought as a zip.
    "datasets": {"archives", "kinds", "leftovers", "names", "owners", "texts"},
    "models": {"config"},
    "signature": {"config", "models"},
    "inference": {"cancellation", "models"},
    "checkpoint": {"config", "kinds", "models"},
    "training": {"config", "device", "datasets", "models", "inference", "checkpoint"},
    "gallery": {"checkpoint"},
    "model_data": {"checkpoint", "datasets", "gallery"},
    "export": {"checkpoint", "config", "models", "signature"},
    "gap_table": {"checkpoint", "inference", "models", "signature"},
    "card": {"checkpoint", "config", "inference"},
    "recipes": {"config", "models"},
    "publish": {"card", "checkpoint", "config", "datasets", "export", "gallery", "gap_table", "inference", "models"},
    "registry": {"card", "checkpoint", "datasets"},
    "latents": {"datasets", "models"},
    "geometry": {"cancellation", "models"},
    "projection": {"cancellation"},
    "fitted_maps": {"geometry", "latents", "models", "projection", "signature"},
    "jobs": {
        *(
            "card",
            "checkpoint",
            "config",
            "datasets",
            "device",
            "export",
            "fitted_maps",
            "leftovers",
            "model_data",
            "models",
            "names",
            "owners",
            "projection",
            "publish",
        ),
        *("recipes", "registry", "signature", "training"),
    },
    "settings": {"config", "recipes"},
    "comparable": {"card", "config"},
    "runs": {"checkpoint", "comparable", "config", "datasets", "jobs", "owners", "recipes", "registry", "settings"},
    "transfer": {
        *("archives", "card", "checkpoint", "config", "datasets", "export", "gallery", "gap_table", "jobs", "names"),
        *("leftovers", "owners", "registry"),
    },
    "explorer": {"models", "registry"},  # explorer/__init__.py
    "latent_map": set(),
    "serving": {
        *(
            "cancellation",
            "card",
            "checkpoint",
            "config",
            "datasets",
            "device",
            "export",
            "gallery",
            "gap_table",
            "geometry",
            "inference",
        ),
        *(
            "jobs",
            "latents",
            "latent_map",
            "fitted_maps",
            "model_data",
            "models",
            "owners",
            "projection",
            "registry",
            "signature",
            "training",
            "transfer",
            "address",
        ),
    },
    "session": {
        *("checkpoint", "config", "datasets", "jobs", "latents", "registry", "runs", "serving", "settings", "training"),
        *("owners", "transfer"),
        "view",
    },
    "navigation": {"session"},
    "app": {"datasets", "jobs", "serving"},
    "commands": {
        *("card", "checkpoint", "config", "datasets", "device", "export", "gallery", "gap_table", "inference"),
        *(
            "jobs",
            "latents",
            "fitted_maps",
            "model_data",
            "models",
            "projection",
            "publish",
            "recipes",
            "registry",
            "serving",
            "training",
        ),
        "transfer",
    },
    "__main__": {"commands"},
}
# Against the order, for a reason: the command that serves starts the application.
EXCEPTIONS = {("serving/server.py", "app")}

HEADLESS = {
    *("cancellation", "jobs", "publish", "recipes", "settings", "comparable", "runs", "names", "owners"),
    *("models", "inference", "training", "checkpoint", "latents", "datasets", "config", "geometry"),
    *("device", "export", "gallery", "gap_table", "registry", "card", "projection", "view", "archives", "transfer"),
    "address",
    "fitted_maps",
    *("signature", "model_data", "leftovers"),
}
SCREEN = {"streamlit", "plotly", "umap"}
SLOW_TO_IMPORT = {"umap", "sklearn", "torchvision"}
PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
TOP_LEVEL = {
    *("explorer", "pages", "pretrained", "tests", "requirements.txt", "README.md", "pyproject.toml"),
    *("LICENSE", "CHANGELOG.md", "SECURITY.md", ".ci", ".gitignore"),
}


def name_of(path: Path) -> str:
    """models/vae.py, or pages/explore.py."""
    return path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT).as_posix()


def room_of(path: Path) -> str:
    """models for models/vae.py, device for device.py, explorer for __init__.py."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "explorer" if first == "__init__" else first


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file names in an import, in full: explorer.models, torch.nn.functional."""
    found: set[str] = set()
    package = ("explorer", *path.relative_to(PACKAGE).parts[:-1]) if path.is_relative_to(PACKAGE) else ()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            found |= {".".join([*base, alias.name]) for alias in node.names}
    return frozenset(found)


def packages(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in imports(path)}


def rooms(path: Path) -> set[str]:
    """The rooms of explorer/ that a file imports from."""
    parts = [module.split(".") for module in imports(path) if module.partition(".")[0] == "explorer"]
    return {p[1] if len(p) > 1 and p[1] in MAY_IMPORT else "explorer" for p in parts}


def top_level_imports(path: Path) -> set[str]:
    """Packages imported as soon as the file is, not when a function is called."""

    def walk(nodes: list[ast.stmt]) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module or ""
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from walk([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)])

    return {module.partition(".")[0] for module in walk(tree(path).body)}


def test_the_reader_of_imports_sees_what_it_should(tmp_path):
    assert "explorer.config.ModelConfig" in imports(PACKAGE / "models" / "vae.py")
    assert "explorer.datasets.digits" in imports(PACKAGE / "datasets" / "__init__.py")
    assert "models" in rooms(PACKAGE / "inference" / "elbo.py")
    assert "sklearn" in packages(PACKAGE / "datasets" / "digits.py")  # inside a function
    file = tmp_path / "x.py"
    file.write_text("import a.b\nif a:\n    import c\nclass K:\n    import d\ndef f():\n    import e\n")
    assert top_level_imports(file) == {"a", "c", "d"}


def test_every_room_is_in_the_table():
    assert {room_of(path) for path in FILES} <= set(MAY_IMPORT)


def test_the_table_points_back_along_the_data():
    order = list(MAY_IMPORT)
    for room, others in MAY_IMPORT.items():
        assert all(order.index(other) < order.index(room) for other in others), room


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_within_explorer(path):
    room = room_of(path)
    allowed = MAY_IMPORT[room] | {room} | {other for file, other in EXCEPTIONS if file == name_of(path)}
    assert rooms(path) <= allowed


def test_what_is_shown_or_measured_of_a_model_is_its_own_data():
    """A data set is opened by name where it is trained on; elsewhere by the model whose it is."""
    by_name = {name_of(path) for path in FILES if any(module.endswith(".load_dataset") for module in imports(path))}
    trains = {"jobs/work.py", "jobs/worker.py", "commands/train.py"}
    assert by_name <= trains | {"model_data.py"}


def test_models_and_datasets_do_not_know_each_other():
    assert "datasets" not in MAY_IMPORT["models"]
    assert "models" not in MAY_IMPORT["datasets"]


@pytest.mark.parametrize("path", [path for path in FILES if room_of(path) in HEADLESS], ids=name_of)
def test_headless_rooms_know_nothing_of_the_screen(path):
    allowed = {"umap"} if room_of(path) == "projection" else set()
    assert not (packages(path) & SCREEN) - allowed


@pytest.mark.parametrize("path", FILES + PAGES, ids=name_of)
def test_packages_that_take_seconds_are_imported_where_they_are_used(path):
    assert not top_level_imports(path) & SLOW_TO_IMPORT


def test_streamlit_is_known_in_few_places():
    for path in FILES:
        if "streamlit" in packages(path):
            assert room_of(path) in {"app", "navigation", "session", "latent_map", "serving"}, name_of(path)


def test_one_file_of_the_map_knows_streamlit():
    assert sum("streamlit" in packages(path) for path in FILES if room_of(path) == "latent_map") <= 1


def test_http_is_spoken_in_one_room():
    for path in FILES:
        if packages(path) & {"starlette", "uvicorn", "websockets"}:
            assert room_of(path) in {"app", "serving"}, name_of(path)


@pytest.mark.parametrize("path", [path for path in FILES + PAGES if path.name != "session.py"], ids=name_of)
def test_state_caches_and_the_query_live_in_session(path):
    if "streamlit" not in packages(path):
        return
    used = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    used |= {module.rpartition(".")[2] for module in imports(path) if module.startswith("streamlit.")}
    assert not used & {"session_state", "query_params", "cache_data", "cache_resource"}


@pytest.mark.parametrize("path", FILES + PAGES, ids=name_of)
def test_nothing_is_unpickled_or_evaluated(path):
    assert not packages(path) & PICKLES
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile"}, f"line {node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("torch", "load"), f"line {node.lineno}"
        if isinstance(node, ast.keyword):
            assert node.arg != "allow_pickle", f"line {node.value.lineno}"
    assert "torch.load" not in imports(path)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_within_explorer_are_relative(path):
    if name_of(path) in ("app.py", "navigation.py"):  # Streamlit opens them as scripts
        return
    names = {alias.name for node in ast.walk(tree(path)) if isinstance(node, ast.Import) for alias in node.names}
    names |= {n.module or "" for n in ast.walk(tree(path)) if isinstance(n, ast.ImportFrom) and not n.level}
    assert "explorer" not in {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", FILES + PAGES, ids=name_of)
def test_files_stay_small(path):
    limit = 90 if path in PAGES else 300
    assert len(path.read_text("utf-8").splitlines()) <= limit


def test_the_top_level_holds_only_what_it_should():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    assert {line.partition("/")[0] for line in listing.splitlines()} <= TOP_LEVEL


def test_the_core_runs_where_neither_screen_nor_extras_are_installed():
    """As on a machine with a GPU and no screen: a name set to None in sys.modules cannot be imported."""
    blocked = sorted(SCREEN | SLOW_TO_IMPORT | {"starlette", "onnx", "onnxscript"})
    code = (
        f"import sys\nfor name in {blocked!r}: sys.modules[name] = None\n"
        "import explorer, explorer.models, explorer.inference, explorer.training, explorer.checkpoint, "
        "explorer.latents, explorer.datasets, explorer.registry, explorer.export\n"
        "print('sound')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "sound", done.stderr
