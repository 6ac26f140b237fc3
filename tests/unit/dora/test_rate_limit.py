"""Tries at passwords: how many an address and a name have, and what a success gives back."""

from gitdailies_dora.accounts.rate_limit import SIGN_IN, SIGN_IN_NAME, SignInLimit

NOW = 1000.0


def refused(limit: SignInLimit, address: str, name: str, now: float = NOW) -> bool:
    """Try a wrong password; return whether the try had to wait."""
    if limit.wait_seconds(address, name, now):
        return True
    limit.record(address, name, now)
    return False


def signs_in(limit: SignInLimit, address: str, name: str, now: float = NOW) -> bool:
    if refused(limit, address, name, now):
        return False
    limit.succeed(address, name, now)
    return True


def test_an_own_sign_in_between_guesses_buys_no_guesses() -> None:
    """Nine guesses, an own sign-in, and again: after ten guesses at one owner or many the address waits."""
    for names in (["owner"] * 9, [f"owner {number}" for number in range(9)]):
        limit, guesses = SignInLimit(), 0
        for _ in range(6):
            guesses += sum(not refused(limit, "office", name) for name in names)
            signs_in(limit, "office", "viewer")
        assert guesses == SIGN_IN.burst


def test_a_success_gives_back_what_its_name_cost() -> None:
    """Nine typing errors and then the right password leave all tries, for this name and others."""
    limit = SignInLimit()
    for _ in range(5):
        assert [refused(limit, "home", "kim") for _ in range(9)] == [False] * 9
        assert signs_in(limit, "home", "kim")
    assert [refused(limit, "home", "lee") for _ in range(11)] == [False] * 10 + [True]


def test_guesses_at_one_name_from_everywhere_are_limited() -> None:
    """A name has a limit of its own, whatever address the guesses come from; time gives tries back."""
    limit = SignInLimit()
    tries = [refused(limit, f"address {number}", "owner") for number in range(50)]
    assert tries.count(False) == SIGN_IN_NAME.burst
    assert not refused(limit, "address 51", "owner", NOW + SIGN_IN_NAME.seconds_each)
    assert refused(limit, "address 52", "owner", NOW + SIGN_IN_NAME.seconds_each)
    assert not refused(limit, "address 51", "viewer")


def test_nobody_is_kept_out_by_guesses_of_others() -> None:
    """Where a person signed in before, guesses from elsewhere do not count."""
    limit = SignInLimit()
    assert signs_in(limit, "home", "owner")
    for number in range(50):
        refused(limit, f"address {number}", "owner")
    assert signs_in(limit, "home", "owner")
    assert not signs_in(limit, "abroad", "owner"), "a success gave back what others cost"
