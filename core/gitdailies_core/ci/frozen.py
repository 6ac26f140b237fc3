"""Replace `dataclasses.dataclass(frozen=True)` in the one-file steps.

Importing dataclasses imports inspect, which takes a fifth of a step's time. Fields are the class's
own annotations, in order. Inheritance and `field()` are not supported.
"""

from __future__ import annotations

from typing import Any, Callable


def dataclass(*, frozen: bool) -> Callable[[type], type]:
    """Add `__init__`, `__repr__`, `__eq__` and `__hash__` by the class's fields, and forbid changes."""
    if not frozen:
        raise TypeError("dataclass: expected frozen=True, got False")

    def decorate(cls: Any) -> Any:
        names = tuple(cls.__dict__.get("__annotations__", ()))
        defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            values = {**defaults, **dict(zip(names, args)), **kwargs}
            if len(args) > len(names) or len(values) != len(names) or not kwargs.keys() <= values.keys():
                raise TypeError(
                    f"{cls.__name__}: expected {', '.join(names)}, got {len(args)} and {list(kwargs)}"
                )
            for name in names:
                object.__setattr__(self, name, values[name])

        def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: ARG001, N807
            raise AttributeError(f"{cls.__name__}.{name}: expected no change, got one")

        def values_of(self: Any) -> tuple[Any, ...]:
            return tuple(getattr(self, name) for name in names)

        cls.__init__ = __init__
        cls.__setattr__ = __setattr__
        cls.__eq__ = lambda self, other: other.__class__ is cls and values_of(self) == values_of(other)
        cls.__hash__ = lambda self: hash(values_of(self))
        cls.__repr__ = lambda self: f"{cls.__name__}{values_of(self)}"
        return cls

    return decorate
