"""Commands that run a server, or check one."""
