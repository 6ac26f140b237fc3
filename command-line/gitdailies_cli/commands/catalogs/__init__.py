"""Catalogs of services and teams: files and APIs that say which repository and which team a service has.

`files` reads documents and tables, `backstage` and `cortex` say what they mean, and `services` and `teams`
make lines of gitdailies.yml of it. The catalogs of vendors with an adapter are in its folder.
"""
