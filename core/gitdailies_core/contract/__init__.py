"""The contract: the checks that every adapter must pass, those of this project and of other distributions.

On the command line, `gitdailies sources test NAME` prints each fault and what to do
about it. In a test of your own distribution:

    from gitdailies_core import contract
    from gitdailies_core.sources import registry

    def test_contract():
        assert list(contract.faults(registry.adapter("opsgenie"))) == []

The package that an adapter's `examples` names must have these files:

* `examples/NAME.payload.json` (or `.payload.form`): the exact bytes of a body.
* `examples/NAME.expected.json`: `{"messages": [...]}` as `shown` writes them, or
  `{"quarantined": "reason"}`, or `{"rejected": "reason"}`.
* `examples/NAME.options.json`, optional: the adapter's options for this example.
* `examples/signatures.json`: a list of `{"about", "headers", "body", "secrets", "header",
  "accepted"}`. `body` names a file in the same folder or is `{"text": "..."}`. `header` is optional.

`checks` runs the adapter on its examples and on `mutations` of them, and `proofs` tries its signatures.
"""

from gitdailies_core.contract.checks import defaults, examples, faults, outcome, shown, write
from gitdailies_core.contract.mutations import Example

__all__ = ["Example", "defaults", "examples", "faults", "outcome", "shown", "write"]
