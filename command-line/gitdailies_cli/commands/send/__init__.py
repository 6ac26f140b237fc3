"""Commands that send, and that show what a delivery becomes."""
