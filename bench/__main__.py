"""``python -m bench NAME [ARGS…]``: one command a claim; the last line printed is one JSON."""

import importlib
import sys
from pathlib import Path


def main(argv: list[str]) -> int:
    """Run bench.NAME:main(rest) and return its exit code."""
    files = Path(__file__).parent.glob("[a-z]*.py")
    names = sorted(p.stem for p in files if "\ndef main(" in p.read_text("utf-8"))
    if not argv or argv[0] not in names:
        print(f"usage: python -m bench {{{','.join(names)}}} [ARGS…]", file=sys.stderr)
        return 2
    return int(importlib.import_module(f"bench.{argv[0]}").main(argv[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
