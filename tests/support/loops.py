"""Tests that are coroutines."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Value = TypeVar("Value")


def in_loop(test: Callable[Given, Coroutine[Any, Any, Value]]) -> Callable[Given, Value]:
    """Have a coroutine called as a function, in an event loop of its own."""

    @wraps(test)
    def called(*given: Given.args, **named: Given.kwargs) -> Value:
        return asyncio.run(test(*given, **named))

    return called
