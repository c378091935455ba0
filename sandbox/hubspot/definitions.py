"""The account's object types and property definitions, as data.

The two custom types carry the ids of the account this project was made for; contacts and notes
have HubSpot's own. HubSpot allows ten unique properties per object, each declared unique when it is
created and never later.
"""

from dataclasses import dataclass, field

from sandbox.hubspot.errors import invalid

CONTACT_TYPE, NOTE_TYPE = "0-1", "0-46"
BOOKING_TYPE, EXAM_TYPE = "2-50158943", "2-50158913"
FIELD_TYPES = {
    "string": "text",
    "number": "number",
    "date": "date",
    "datetime": "date",
    "enumeration": "select",
    "bool": "booleancheckbox",
}


@dataclass(frozen=True)
class Property:
    """One property definition, the part of HubSpot's ``Property`` schema that matters here.

    ``required`` refuses a record created without it; ``external`` takes ids of HubSpot's own, such
    as owners, in place of options.
    """

    name: str
    type: str = "string"
    field_type: str = "text"
    options: tuple[str, ...] = ()
    unique: bool = False
    read_only: bool = False
    required: bool = False
    external: bool = False

    def as_json(self) -> dict:
        """The definition as ``GET /crm/properties/…`` answers it."""
        return {
            "name": self.name,
            "label": self.name.replace("_", " ").capitalize(),
            "description": "",
            "type": self.type,
            "fieldType": self.field_type,
            "groupName": "booking_information",
            "options": [
                {"label": o, "value": o, "displayOrder": i, "hidden": False, "description": ""}
                for i, o in enumerate(self.options)
            ],
            "hasUniqueValue": self.unique,
            "hidden": False,
            "archived": False,
            "calculated": False,
            "externalOptions": self.external,
            "hubspotDefined": self.name.startswith(("hs_", "hubspot_")) or self.read_only,
            "modificationMetadata": {
                "archivable": not self.read_only,
                "readOnlyDefinition": self.read_only,
                "readOnlyValue": self.read_only,
            },
        }


@dataclass(frozen=True)
class ObjectType:
    """One object type.

    ``keys`` names what two live records must never share, whether or not the account declares
    it unique; ``history_depth`` is how many values of a property HubSpot keeps.
    """

    id: str
    name: str
    plural: str
    aliases: tuple[str, ...]
    created: str
    modified: str
    always: tuple[str, ...]
    keys: tuple[str, ...]
    history_depth: int
    properties: dict[str, Property] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """What people call it; HubSpot itself knows only the id and the aliases."""
        return {self.id, *self.aliases, self.plural, self.plural.removeprefix("mock_")}

    @property
    def unique(self) -> tuple[str, ...]:
        """The names of the properties declared unique."""
        return tuple(p.name for p in self.properties.values() if p.unique)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the properties no record is created without."""
        return tuple(p.name for p in self.properties.values() if p.required)

    def scope(self, verb: str) -> str:
        """The OAuth scope that reads or writes this type; notes go with contacts."""
        family = "contacts" if self.id in (CONTACT_TYPE, NOTE_TYPE) else "custom"
        return f"crm.objects.{family}.{verb}"


def _text(*names: str) -> list[Property]:
    return [Property(name) for name in names]


def _numbers(*names: str) -> list[Property]:
    return [Property(name, "number", "number") for name in names]


def _system(*names: str) -> list[Property]:
    return [
        Property("hs_object_id", "number", "number", read_only=True),
        Property("hs_merged_object_ids", "enumeration", "checkbox", read_only=True),
        *(Property(name, "datetime", "date", read_only=True) for name in names),
    ]


def account_types(unique: bool = True, keys: bool = True) -> dict[str, ObjectType]:
    """The object types of the account, by id.

    Args:
        unique: False gives an account whose administrator never declared ``student_id`` and
            ``booking_id`` unique; HubSpot then refuses them as ``idProperty``.
        keys: False gives an account in which a contact has no ``student_id`` and a booking no
            ``booking_id`` at all.
    """

    def key(name: str) -> list[Property]:
        return [Property(name, unique=unique)] if keys else []

    types = (
        ObjectType(
            id=CONTACT_TYPE,
            name="contact",
            plural="contacts",
            aliases=("contacts", "contact"),
            created="createdate",
            modified="lastmodifieddate",
            always=("hs_object_id", "createdate", "lastmodifieddate"),
            keys=("student_id", "email"),
            history_depth=45,
            properties=_by_name(
                *key("student_id"),
                Property("email", unique=True),
                *_text("firstname", "lastname"),
                *_numbers(
                    "sj_credits",
                    "cs_credits",
                    "sjmini_credits",
                    "mock_discussion_token",
                    "shared_mock_credits",
                ),
                *_system("createdate", "lastmodifieddate"),
            ),
        ),
        ObjectType(
            id=BOOKING_TYPE,
            name="booking",
            plural="bookings",
            aliases=(),
            created="hs_createdate",
            modified="hs_lastmodifieddate",
            always=("hs_object_id", "hs_createdate", "hs_lastmodifieddate"),
            keys=("booking_id", "idempotency_key"),
            history_depth=20,
            properties=_by_name(
                *key("booking_id"),
                *_text("student_id", "student_name", "student_email", "mock_exam_id", "mock_type"),
                Property("exam_date", "date", "date"),
                Property(
                    "is_active", "enumeration", "select", ("Active", "Cancelled", "Completed")
                ),
                *_text("attendance", "attending_location", "dominant_hand", "token_used"),
                Property("idempotency_key"),
                *_system("hs_createdate", "hs_lastmodifieddate"),
            ),
        ),
        ObjectType(
            id=EXAM_TYPE,
            name="mock_exam",
            plural="mock_exams",
            aliases=(),
            created="hs_createdate",
            modified="hs_lastmodifieddate",
            always=("hs_object_id", "hs_createdate", "hs_lastmodifieddate"),
            keys=(),
            history_depth=20,
            properties=_by_name(
                *_text("mock_exam_name", "mock_type", "mock_set"),
                Property("exam_date", "date", "date"),
                *_text("start_time", "end_time", "location"),
                *_numbers("capacity", "total_bookings"),
                Property("is_active", "bool", "booleancheckbox", ("true", "false")),
                Property("scheduled_activation_at", "datetime", "date"),
                *_system("hs_createdate", "hs_lastmodifieddate"),
            ),
        ),
        ObjectType(
            id=NOTE_TYPE,
            name="note",
            plural="notes",
            aliases=("notes", "note"),
            created="hs_createdate",
            modified="hs_lastmodifieddate",
            always=("hs_object_id", "hs_createdate", "hs_lastmodifieddate"),
            keys=(),
            history_depth=20,
            properties=_by_name(
                Property("hs_timestamp", "datetime", "date", required=True),
                Property("hs_note_body", "string", "html"),
                Property("hubspot_owner_id", "enumeration", "select", external=True),
                *_system("hs_createdate", "hs_lastmodifieddate"),
            ),
        ),
    )
    return {t.id: t for t in types}


def _by_name(*properties: Property) -> dict[str, Property]:
    return {p.name: p for p in properties}


def find_type(types: dict[str, ObjectType], name: str, *, by_name: bool = False) -> ObjectType:
    """The object type a path names.

    Args:
        types: the account's types, by id.
        name: a type id, ``contacts`` or ``notes``; HubSpot knows custom types by their id.
        by_name: also accept plural names such as ``bookings`` (control routes only).

    Raises:
        HubSpotError: 400, as HubSpot answers an unknown type.
    """
    for object_type in types.values():
        if name == object_type.id or name in object_type.aliases:
            return object_type
        if by_name and name in object_type.names:
            return object_type
    raise invalid(f"Unable to infer object type from: {name}")
