"""Templates of pages are compiled once in a process, whatever its settings become."""

from gitdailies_dora.pages.frame.site import TEMPLATES


def test_a_template_has_a_name_of_its_own() -> None:
    """Templates are found by their names alone, whichever folder they are in."""
    names = [file.name for file in TEMPLATES.glob("*/*.html")]
    assert len(names) > 50
    assert len(names) == len(set(names))
