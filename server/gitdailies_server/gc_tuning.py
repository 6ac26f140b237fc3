"""How often a server looks for garbage that refers to itself, of which it makes next to none."""

from __future__ import annotations

import gc

# A hundred requests under way hold that many objects, and drop them without any help.
_YOUNG = 20_000


def freeze_startup_objects() -> None:
    """Call it once, when a server has loaded what it needs: that is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
