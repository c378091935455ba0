"""Everything the glue raises on purpose, and what the database's codes mean.

    GlueError                 has a message, a hint and an exit code
    ├── ConfigError           a variable is missing                       exit 2
    ├── DatabaseError         Postgres cannot be reached, or failed       exit 75
    │   └── Busy              a deadlock, or a lock that was not to be had
    ├── Refused               a function refused: .code is its SQLSTATE   exit 1
    ├── DemoFailed            an invariant did not hold                   exit 1
    ├── BusError              Redis refused what we asked                 exit 1, 77 the login
    │   ├── BusUnavailable    Redis cannot be reached, or not written     exit 75
    │   └── BusDiverged       the stream is not a copy of the log         exit 1
    └── HubSpotError          HubSpot refused or did not answer
        ├── Unauthorized      401: the token is wrong                     exit 77
        ├── Forbidden         403: a scope is missing                     exit 77
        ├── RateLimited       429, 477, 423: .retry_after seconds         exit 75
        │   └── OutOfBudget   our own budget has no call left: not sent   exit 75
        ├── Unavailable       5xx, time-out, reset; .unanswered: it may   exit 75
        │                     have been applied all the same
        └── Rejected          any other 4xx; .existing_id: the record     exit 1
                              that a 409 names

Exit codes are those of sysexits.h: 75 try again later, 77 a person must give permission.
"""

# One line a code; docs/errors.md says more. A test holds this, the page and the SQL equal.
CODES = {
    "MBAPP": "append-only",
    "MBBSY": "busy, send the same request again",
    "MBCAP": "capacity is negative",
    "MBCON": "no such contact",
    "MBCRD": "no credit",
    "MBCUT": "too late to cancel or move",
    "MBDUP": "already booked",
    "MBERL": "too early to mark attendance",
    "MBEXM": "no such exam",
    "MBFUL": "exam is full",
    "MBIDC": "ids of two contacts",
    "MBINA": "exam is not open for booking",
    "MBISO": "wrong isolation level",
    "MBKEY": "idempotency key of another request",
    "MBNOF": "no such booking",
    "MBPST": "exam has started",
    "MBSTA": "booking is in another state",
    "MBTYP": "no credit pays for this mock type",
}


def _length(seconds: float) -> str:
    """A length of time as people say it: «7 s», «2 min», «1 h»."""
    if seconds < 90:
        return f"{-int(-seconds // 1)} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join(part for part in (hours and f"{hours} h", minutes and f"{minutes} min") if part)


class GlueError(Exception):
    """A failure the user can do something about.

    message: one line, what happened. hint: one line, what to do next.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(GlueError):
    exit_code = 2


class DatabaseError(GlueError):
    """Postgres cannot be reached, or failed. code: the SQLSTATE, empty where it did not answer."""

    exit_code = 75
    code = ""


class Busy(DatabaseError):
    """A deadlock or a lock that was not to be had: nothing happened, the call may be repeated."""

    @property
    def locked(self) -> bool:
        """Whether somebody holds a row: without that one the others could be done."""
        return self.code == "55P03"


class SchemaMissing(GlueError):
    """The database lacks what this version needs: a person must migrate it."""


class DemoFailed(GlueError):
    pass


class Refused(GlueError):
    """A function of the database refused. code: its SQLSTATE. detail: the numbers."""

    def __init__(self, code: str, message: str, detail: str = "", hint: str = "") -> None:
        super().__init__(f"{code}: {message}", hint)
        self.code = code
        self.detail = detail


class BusError(GlueError):
    """Redis refused what was asked of it."""


class BusUnavailable(BusError):
    exit_code = 75


class BusDiverged(BusError):
    """The stream holds what the log in Postgres does not: trying again would not help."""


class HubSpotError(GlueError):
    """HubSpot's answer was not a success. status: 0 where there was none."""

    def __init__(self, message: str, hint: str = "", *, status: int = 0) -> None:
        super().__init__(message, hint)
        self.status = status


class Unauthorized(HubSpotError):
    exit_code = 77


class WrongType(HubSpotError):
    """HubSpot knows no such type of objects: our own setting is wrong, and no record."""

    exit_code = 2


class Forbidden(HubSpotError):
    exit_code = 77


class RateLimited(HubSpotError):
    exit_code = 75

    def __init__(self, message: str, *, status: int, retry_after: float) -> None:
        super().__init__(
            message, f"It may be tried again in {_length(retry_after)}.", status=status
        )
        self.retry_after = retry_after


class OutOfBudget(RateLimited):
    """Nothing was sent: the calls the account allows, or we allow ourselves, are used."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message, status=0, retry_after=retry_after)


class Unavailable(HubSpotError):
    exit_code = 75

    def __init__(self, message: str, *, status: int = 0, unanswered: bool) -> None:
        super().__init__(message, "HubSpot is away; the outbox keeps everything.", status=status)
        self.unanswered = unanswered


class LeaseEnding(Unavailable):
    """Too little is left of a lease for one more request; nothing was sent."""


class Rejected(HubSpotError):
    def __init__(
        self, message: str, hint: str = "", *, status: int = 0, existing_id: str | None = None
    ) -> None:
        super().__init__(message, hint, status=status)
        self.existing_id = existing_id
