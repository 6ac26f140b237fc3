"""Everything that talks to a receiver of events: settings, the HTTP sender, and checks.

`config` reads gitdailies.yml into frozen settings. `http` sends events. `check` looks whether a
receiver can be reached and accepts our events. `addresses` validates every address.

    gitdailies.yml → config.load → settings.Destination → http.sender → response → core's retry.decide
"""
