"""The DORA server: the receiving system with keys, the event API, DORA figures and pages.

An event goes from left to right; a question (of the API or of a page) from right to left:

    api → events → change log → derived → figures
            ↑                      ↑
         accounts               mirrors          pages read all of them; `sql` is below all of them

`server` binds a socket and runs `live_settings`, which builds the application of `api` again when
gitdailies.yml changes.
"""
