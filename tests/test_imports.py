"""The rules of who imports whom, held by reading the source.

Imports inside functions and under TYPE_CHECKING count as much as those at the top.
A rule is changed here on purpose, with its reason, or not at all.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

PACKAGE = ROOT / "explorer"
FILES = sorted(PACKAGE.rglob("*.py"))
FRONTEND = PACKAGE / "frontend"
MODULES = sorted(path for path in FRONTEND.rglob("*.mjs") if "vendor" not in path.parts)
PAGES = sorted((ROOT / "pages").rglob("*.py"))

# Every room of explorer/, in the order of the data: a room imports only from those named, which stand above it.
# A new room takes its place in this table. Training writes checkpoints, so `checkpoint` stands before it.
MAY_IMPORT: dict[str, str] = {
    "cancellation": "",  # asked between the steps of whatever may take long
    "config": "",
    "device": "",
    "files": "",
    "datasets": "files",
    "models": "config",
    "inference": "cancellation models",
    "geometry": "cancellation models",
    "projection": "cancellation",
    "latents": "datasets models",
    "checkpoint": "config datasets files geometry inference latents models projection",
    "training": "checkpoint config datasets inference models",
    "jobs": "checkpoint config datasets files models projection training",
    "transfer": "checkpoint config datasets files jobs",
    "explorer": "checkpoint models",  # explorer/__init__.py
    "frontend": "",
    "serving": "cancellation checkpoint datasets files frontend geometry inference jobs latents models "
    "projection training transfer",
    "page": "checkpoint config datasets files jobs serving training transfer",
    "app": "datasets jobs serving",
    "commands": "checkpoint config datasets device inference jobs latents projection serving training transfer",
    "__main__": "",
}
# Against the order, for a reason: the command that serves starts the application.
EXCEPTIONS = {("serving/server.py", "app")}
WITH_A_SCREEN = {"app", "commands", "frontend", "page", "serving", "__main__", "explorer"}

# Folders of the front end, likewise; `import()` of a name that is written out counts as much. The map opens the tabs
# of a page by the page's name, the host the map by the address in its manifest.
MAY_IMPORT_JS: dict[str, str] = {
    "core": "",
    "words": "core",
    "maths": "",
    "projections": "maths",
    "engine": "core maths words",
    "plot": "core maths words",
    "layers": "core maths",
    "panel": "core engine layers words",
    "pad": "core layers projections words",
    "map": "core engine layers maths pad panel plot projections words",
    "tabs": "core engine layers map maths panel projections words",
    "training": "core layers plot words",
    "host": "",
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


def test_every_room_is_in_the_table_and_the_table_points_back_along_the_data():
    assert {room_of(path) for path in FILES} == set(MAY_IMPORT)
    order = list(MAY_IMPORT)
    for room, others in MAY_IMPORT.items():
        assert all(order.index(other) < order.index(room) for other in others.split()), room
    assert "datasets" not in MAY_IMPORT["models"].split() and "models" not in MAY_IMPORT["datasets"].split()


def test_rooms_import_those_they_may():
    allowed = {room: {room, *others.split()} for room, others in MAY_IMPORT.items()}
    for path in FILES:
        wrong = {other for other in rooms(path) - allowed[room_of(path)] if (name_of(path), other) not in EXCEPTIONS}
        assert not wrong, (name_of(path), wrong)
    used = set().union(*({(room_of(path), other) for other in rooms(path)} for path in FILES))
    named = {(room, other) for room, others in MAY_IMPORT.items() for other in others.split()}
    assert named <= used  # nothing is allowed that nobody needs


def test_a_folder_holds_a_dozen_files_at_most():
    for folder in {path.parent for path in FILES}:
        assert len(list(folder.glob("*.py"))) <= 12, folder
    for folder in {path.parent for path in MODULES}:
        assert len([path for path in folder.iterdir() if path.suffix in (".mjs", ".css", ".py")]) <= 12, folder


def test_folders_of_the_front_end_import_those_they_may():
    used = {(room, room) for room in MAY_IMPORT_JS}
    for path in MODULES:
        for name in re.findall(r"['\"`](\.\.?/[\w./-]+\.mjs)['\"`]", path.read_text("utf-8")):
            found = (path.parent / name).resolve()
            assert found.is_file(), (path, name)
            used.add((path.relative_to(FRONTEND).parts[0], found.relative_to(FRONTEND).parts[0]))
    allowed = {(room, other) for room, others in MAY_IMPORT_JS.items() for other in [room, *others.split()]}
    assert used == allowed
    order = list(MAY_IMPORT_JS)
    assert all(order.index(other) <= order.index(room) for room, other in allowed)


def test_what_is_shown_or_measured_of_a_model_is_its_own_data():
    """A data set is opened by name where it is trained on; elsewhere by the model whose it is."""
    by_name = {name_of(path) for path in FILES if any(module.endswith(".load_dataset") for module in imports(path))}
    trains = {"jobs/training/work.py", "jobs/training/worker.py", "commands/train.py"}
    assert by_name <= trains | {"checkpoint/data.py"}


def test_rooms_without_a_screen_know_nothing_of_it():
    for path in FILES:
        if room_of(path) not in WITH_A_SCREEN:
            allowed = {"umap"} if room_of(path) == "projection" else set()
            assert not (packages(path) & SCREEN) - allowed, name_of(path)


def test_packages_that_take_seconds_are_imported_where_they_are_used():
    for path in FILES + PAGES:
        assert not top_level_imports(path) & SLOW_TO_IMPORT, name_of(path)


def test_streamlit_is_known_in_few_places():
    known = [path for path in FILES if "streamlit" in packages(path)]
    assert {room_of(path) for path in known} <= {"app", "frontend", "page", "serving"}
    assert sum(room_of(path) == "frontend" for path in known) <= 1


def test_http_is_spoken_in_one_room():
    for path in FILES:
        if packages(path) & {"starlette", "uvicorn", "websockets"}:
            assert room_of(path) in {"app", "serving"}, name_of(path)


def test_state_caches_and_the_query_live_in_session():
    for path in FILES + PAGES:
        if path.name == "session.py" or "streamlit" not in packages(path):
            continue
        used = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
        used |= {module.rpartition(".")[2] for module in imports(path) if module.startswith("streamlit.")}
        assert not used & {"session_state", "query_params", "cache_data", "cache_resource"}, name_of(path)


def test_nothing_is_unpickled_or_evaluated():
    for path in FILES + PAGES:
        assert not packages(path) & PICKLES, name_of(path)
        for node in ast.walk(tree(path)):
            where = f"{name_of(path)}, line {getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile"}, where
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) != ("torch", "load"), where
            if isinstance(node, ast.keyword):
                assert node.arg != "allow_pickle", where
        assert "torch.load" not in imports(path), name_of(path)


def test_imports_within_explorer_are_relative():
    for path in FILES:
        if name_of(path) in ("app.py", "page/navigation.py"):  # Streamlit opens them as scripts
            continue
        names = {alias.name for node in ast.walk(tree(path)) if isinstance(node, ast.Import) for alias in node.names}
        names |= {n.module or "" for n in ast.walk(tree(path)) if isinstance(n, ast.ImportFrom) and not n.level}
        assert "explorer" not in {name.partition(".")[0] for name in names}, name_of(path)


def test_files_stay_small():
    for path in FILES + PAGES:
        assert len(path.read_text("utf-8").splitlines()) <= (90 if path in PAGES else 300), name_of(path)


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
        "import explorer, explorer.models, explorer.inference, explorer.training, explorer.checkpoint.weights, "
        "explorer.latents, explorer.datasets, explorer.checkpoint.catalogue, explorer.checkpoint.programs\n"
        "print('sound')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "sound", done.stderr
