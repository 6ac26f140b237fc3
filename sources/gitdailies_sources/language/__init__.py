"""The language of source packs: paths, templates, values, conditions, times and tables.

Each text of a pack is compiled once into a function of a `Scope`, which is one delivery or one
element of it. There are no expressions and no regular expressions of a user, so reading always ends.

    faults ─▶ nothing, globs ─▶ scope ─▶ paths ─▶ templates ─▶ values ─▶ times
"""
