"""What is generated: each module has `texts(root)`, the paths it writes and their texts."""
