"""Draws the pictures of the pages: python docs/pictures [name …]"""

import sys
import time
from pathlib import Path

# The folder itself leads the path, where its files would hide modules of the same names.
sys.path[0] = str(Path(__file__).parents[1])

from pictures import IMAGES, drawn, names  # noqa: E402


def main() -> None:
    known = names()
    chosen = sys.argv[1:] or known
    if unknown := [name for name in chosen if name not in known]:
        sys.exit(f"no picture is called {', '.join(unknown)}; there are {', '.join(known)}")
    for i, name in enumerate(chosen, 1):
        start = time.perf_counter()
        path = IMAGES / f"{name}.svg"
        old = path.read_text(encoding="utf-8") if path.exists() else None
        new = drawn(name)
        path.write_text(new, encoding="utf-8")
        change = "as before" if new == old else "new" if old is None else "changed"
        seconds = time.perf_counter() - start
        print(f"[{i}/{len(chosen)}] docs/images/{name}.svg  {change}, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
