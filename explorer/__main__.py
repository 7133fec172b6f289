"""python -m explorer [serve | train | evaluate | gaps | export | import]: `serve` where no command is named."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

COMMANDS = {
    "serve": "serve",
    "train": "train",
    "worker": "worker",
    "evaluate": "evaluate",
    "gaps": "gaps",
    "measure": "measure",
    "table": "table",
    "map": "fit_map",
    "export": "export_onnx",
    "import": "import_model",
}


def main(argv: list[str] | None = None) -> int:
    """Runs one command; a fault that a person can mend is one sentence and exit code 2."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser("explorer", description="Look inside a variational autoencoder.")
    commands = parser.add_subparsers(dest="command", required=True)
    modules = {name: import_module(f".commands.{file}", __package__) for name, file in COMMANDS.items()}
    for name, module in modules.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP, description=module.HELP))
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help")):
        argv = ["serve", *argv]
    args = parser.parse_args(argv)
    try:
        return modules[args.command].run(args)
    except KeyboardInterrupt:
        print("explorer: stopped.", file=sys.stderr)
        return 130  # as a shell reports a process that Ctrl-C ended
    except (ValueError, RuntimeError, OSError) as error:
        # Our own errors are sentences; anything else is a fault of ours and keeps its traceback.
        if isinstance(error, OSError) or type(error).__module__.startswith("explorer") or type(error) is ValueError:
            print(f"explorer: {error}", file=sys.stderr)
            return 2
        raise


if __name__ == "__main__":
    raise SystemExit(main())
