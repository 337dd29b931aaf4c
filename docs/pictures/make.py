"""Make a picture of the pages of one that a command wrote: python docs/pictures/make.py PICTURE NAME [WIDTH [TOP]]."""

import sys
from pathlib import Path

from PIL import Image


def make(source: str, name: str, width: str = "900", top: str = "0") -> None:
    """Write docs/pictures/NAME.png, at most `width` pixels wide, in 64 colours, and print its size.

    With `top`, only that many rows of pixels of the source, from above.
    """
    with Image.open(source) as opened:
        image = opened.convert("RGB").crop((0, 0, opened.width, int(top) or opened.height))
    image.thumbnail((int(width), image.height), Image.Resampling.LANCZOS)
    path = Path(__file__).parent / f"{name}.png"
    image.quantize(64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {image.width} x {image.height}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    make(*sys.argv[1:])
