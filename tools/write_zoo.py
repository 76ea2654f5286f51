"""Write the table of presets into ZOO.md, between its marks.

python tools/write_zoo.py
"""

import pathlib
import re

from kerasgen import cards

BEGIN, END = "<!-- zoo: written by tools/write_zoo.py -->", "<!-- end of the zoo -->"


def main():
    """Replace what stands between the marks."""
    path = pathlib.Path(__file__).parents[1] / "ZOO.md"
    pattern = f"{re.escape(BEGIN)}.*?{re.escape(END)}"
    text = path.read_text(encoding="utf-8")
    text = re.sub(pattern, lambda _: f"{BEGIN}\n\n{cards.zoo()}\n\n{END}", text, flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
