"""Folders of derived arrays under the home's cache: they appear whole, and only the latest used are kept."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def replace_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into a temporary folder beside `folder`, then put it in its place; raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    temporary.mkdir()
    try:
        fill(temporary)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def keep_latest(cache: Path, prefix: str, count: int) -> None:
    """Drop the folders of a prefix beyond the `count` used last (by modification time, which readers renew)."""
    kept = sorted(cache.glob(f"{prefix}-*"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for folder in kept[count:]:
        shutil.rmtree(folder, ignore_errors=True)
