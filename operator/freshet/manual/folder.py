"""Where the documents are: beside the package in a checkout, in it where the image's build has put them."""

from pathlib import Path

__all__ = ["FOLDER", "documents", "runbooks"]

PACKED = Path(__file__).with_name("pages")
CHECKOUT = Path(__file__).resolve().parents[3] / "docs"
FOLDER = CHECKOUT if (CHECKOUT / "runbooks").is_dir() else PACKED
TYPES = (".md", ".png")


def documents(folder: Path = FOLDER) -> dict[str, Path]:
    """By their paths below docs/, such as ``runbooks/no-load.md``."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in TYPES)
    return {path.relative_to(folder).as_posix(): path for path in found}


def runbooks(folder: Path = FOLDER) -> dict[str, Path]:
    """By their names, such as ``no-load``."""
    pages = {path.stem: path for name, path in documents(folder).items() if name.startswith("runbooks/")}
    return {name: path for name, path in pages.items() if name != "README"}
