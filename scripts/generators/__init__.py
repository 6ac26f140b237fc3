"""The generators. Each module has `texts(root)`: the paths to write, and their texts."""
