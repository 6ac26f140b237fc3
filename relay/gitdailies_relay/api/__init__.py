"""The status listener: what people and programs ask a relay for over HTTP.

questions, service_writing, examples ─▶ app
"""
