"""`gitdailies scan`: the figures of one git repository, by the engine of the DORA server, without a server.

`versions` decides which tags are releases, `deploys` what each deploy brought, and `notes` what the figures
cannot know. `repository` asks git, `figures` asks the engine, `printing` prints, and `command` joins them.
"""
