"""What programs with a key ask over the status listener: deliveries, refusals, services, and actions.

outcomes, questions, suggestions ─▶ facts ─▶ deliveries, acting, service_lines ─▶ app
"""
