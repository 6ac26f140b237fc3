"""Webhook keys: who may send and read, and what a key was refused for."""
