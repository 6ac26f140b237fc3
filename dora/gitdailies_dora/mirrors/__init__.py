"""Mirrors of git repositories, read for the commits of deploys that do not list any themselves.

    worker → rows.read_state → lookup → repository (runs git)
       └───→ rows.save (facts about commits, and the commits of each deploy) → change log → derived rows

What deploys brought is decided in `figures.history.ancestry`, from facts alone.
"""
