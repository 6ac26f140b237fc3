"""Addresses of repositories: the slug in any form of them, no user-info in what is shown."""

import pytest
from gitdailies_core.ci.job.git_url import slug
from gitdailies_core.ci.job.userinfo import without_user

SLUGS = {
    "https://github.com/larkspur/checkout-api": "larkspur/checkout-api",
    "https://github.com/larkspur/checkout-api.git": "larkspur/checkout-api",
    "https://github.com/larkspur/checkout-api.git/": "larkspur/checkout-api",
    "https://user:token@github.com/larkspur/checkout-api": "larkspur/checkout-api",
    "https://token@github.com:8443/larkspur/checkout-api.git": "larkspur/checkout-api",
    "HTTPS://GitHub.com/larkspur/Checkout-API": "larkspur/Checkout-API",
    "git@github.com:larkspur/checkout-api.git": "larkspur/checkout-api",
    "github.com:larkspur/checkout-api": "larkspur/checkout-api",
    "git@github.com:/larkspur/checkout-api.git": "larkspur/checkout-api",
    "ssh://git@github.com/larkspur/checkout-api.git": "larkspur/checkout-api",
    "ssh://git@git.example:7999/larkspur/checkout-api.git": "larkspur/checkout-api",
    "git+ssh://git@github.com/larkspur/checkout-api.git": "larkspur/checkout-api",
    "git://github.com/larkspur/checkout-api.git": "larkspur/checkout-api",
    "https://gitlab.com/larkspur/shop/checkout-api.git": "larkspur/shop/checkout-api",
    "https://github.com/larkspur/checkout-api?ref=main#readme": "larkspur/checkout-api",
    "https://github.com//larkspur//checkout-api": "larkspur/checkout-api",
    "https://git.example/scm/SHOP/checkout-api.git": "SHOP/checkout-api",
    "https://larkspur@dev.azure.com/larkspur/shop/_git/checkout-api": "larkspur/shop/checkout-api",
    "https://dev.azure.com/larkspur/_git/checkout-api": "larkspur/checkout-api/checkout-api",
    "git@ssh.dev.azure.com:v3/larkspur/shop/checkout-api": "larkspur/shop/checkout-api",
    "https://larkspur.visualstudio.com/DefaultCollection/shop/_git/api": "larkspur/shop/api",
    "larkspur@vs-ssh.visualstudio.com:v3/larkspur/shop/checkout-api": "larkspur/shop/checkout-api",
    " https://github.com/larkspur/checkout-api\r\n": "larkspur/checkout-api",
    "ssh://git@[2001:db8::1]:2222/larkspur/checkout-api.git": "larkspur/checkout-api",
    "https://[2001:db8::1]/larkspur/checkout-api.git": "larkspur/checkout-api",
    "git@[2001:db8::1]:larkspur/checkout-api.git": "larkspur/checkout-api",
    "[git@git.example:2222]:larkspur/checkout-api.git": "larkspur/checkout-api",
    "https://bot:to@ken@github.com/larkspur/checkout-api.git": "larkspur/checkout-api",
    "bot:token@github.com/larkspur/checkout-api": "larkspur/checkout-api",
    "bot:token@git.example:8443/larkspur/checkout-api.git": "larkspur/checkout-api",
    "token@github.com/larkspur/checkout-api": "larkspur/checkout-api",
    "https://git.example/bitbucket/scm/pay/api.git": "pay/api",
    "https://git.example/scm/~robin/api.git": "~robin/api",
    "https://gitlab.com/larkspur/scm/tools/api": "larkspur/scm/tools/api",
    "https://tfs.example/tfs/DefaultCollection/Pay/_git/api": "DefaultCollection/Pay/api",
    "https://tfs.example/tfs/DefaultCollection/_git/Pay": "DefaultCollection/Pay/Pay",
    "https://tfs.example/azure/devops/DefaultCollection/Pay/_git/api": "DefaultCollection/Pay/api",
    "ssh://tfs.example:22/tfs/DefaultCollection/Pay/_git/api": "DefaultCollection/Pay/api",
    "https://dev.azure.com/larkspur/Z%C3%BCrich/_git/api": "larkspur/Zürich/api",
    # A repository's name can hold no space, which would be several repositories.
    "https://dev.azure.com/larkspur/My%20Project/_git/api": "larkspur/My%20Project/api",
    "https://gitlab.com/larkspur/a%2Fb": "larkspur/a%2Fb",
}

NONE = (
    "",
    "larkspur/checkout-api",
    "https://github.com/",
    "https://github.com/larkspur",
    "/srv/git/checkout-api.git",
    "./checkout-api",
    "file:///srv/git/larkspur/checkout-api.git",
    "C:\\work\\larkspur\\checkout-api",
    "C:/work/larkspur/checkout-api",
    "https:///larkspur/checkout-api",
    "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/api",
    "ssh://git-codecommit.eu-west-1.amazonaws.com/v1/repos/api",
    "codecommit::eu-west-1://api",
    "codecommit://profile@api/x",
)


@pytest.mark.parametrize("address", SLUGS)
def test_slug(address: str) -> None:
    """Every form of an address comes to the same slug."""
    assert slug(address) == SLUGS[address]


@pytest.mark.parametrize("address", NONE)
def test_no_slug(address: str) -> None:
    """A text without a repository at a host has no slug."""
    assert slug(address) is None


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:token@ci.example/job/7", "https://ci.example/job/7"),
        ("https://to@ken@ci.example/job/7", "https://ci.example/job/7"),
        ("https://ci.example/job/a@b", "https://ci.example/job/a@b"),
        ("https://ci.example/?mail=a@b", "https://ci.example/?mail=a@b"),
        ("https://ci.example:8443/job/a@b/c", "https://ci.example:8443/job/a@b/c"),
        ("https://user:to/ken@ci.example/job/7", "https://ci.example/job/7"),
        ("https://user:to,ken@ci.example/job/7", "https://ci.example/job/7"),
        ("user:token@ci.example/job/7", "ci.example/job/7"),
        ("token@ci.example/job/7", "ci.example/job/7"),
        ("a/b https://user:token@ci.example/c/d", "a/b https://ci.example/c/d"),
        ("a/b,user:token@ci.example/c/d", "a/b,ci.example/c/d"),
        ("git@github.com:larkspur/api.git", "git@github.com:larkspur/api.git"),
        (
            "larkspur/api@4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
            "larkspur/api@4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
        ),
    ],
)
def test_without_user(address: str, shown: str) -> None:
    """User and password are taken out of an address, and nothing else."""
    assert without_user(address) == shown
