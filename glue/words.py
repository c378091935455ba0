"""Counts as people say them."""


def counted(count: int, what: str) -> str:
    """«1 record», «2 records». what: one of them."""
    return f"{count} {what}{'' if count == 1 else 's'}"
