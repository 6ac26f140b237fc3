"""How the published form of a step is built, by the kind of form that its folder names."""
