"""Webhook keys, people, passwords and the audit log."""
