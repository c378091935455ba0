"""`glue serve`: HubSpot's webhooks, «sync now», and a door for no-code tools."""
