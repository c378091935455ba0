"""A HubSpot that runs on this machine, with the traps of the real one.

It speaks the endpoints of API version ``2026-09`` that the glue uses, keeps its records in
memory, enforces the published limits and fails on demand. ``python -m sandbox.hubspot`` starts
it; :func:`sandbox.hubspot.app.create_app` gives the same as an ASGI application.
"""
