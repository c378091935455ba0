"""Postgres, Valkey and a HubSpot simulator on this machine, for the demo and the tests.

Never for production: everything listens on 127.0.0.1 only and is deleted when it stops.
"""
