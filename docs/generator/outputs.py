"""Run the examples again and put what they print into the pages: `python docs/generator/outputs.py`."""

import subprocess
import sys
from pathlib import Path

from snippets import hand_written, shown_outputs

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Rewrite the output blocks of all pages."""
    for page in hand_written():
        text = page.read_text()
        for example, shown in shown_outputs(page).items():
            done = subprocess.run([sys.executable, example], capture_output=True, text=True, cwd=ROOT, check=True)
            text = text.replace(f"$ python {example}\n{shown}```", f"$ python {example}\n{done.stdout}```")
        if text != page.read_text():
            page.write_text(text)
            sys.stdout.write(f"{page.relative_to(ROOT)} updated\n")


if __name__ == "__main__":
    main()
