-- Notes on contacts in HubSpot, written from the audit log and sent through the outbox.

-- A note never changes. entries are the ids of the audit log it tells of, in their order.
create table hubspot_sync.sync_notes (
  id uuid not null,
  contact uuid not null,
  body text not null,
  entries bigint[] not null,
  noted_at timestamptz not null,
  hubspot_id text,
  hubspot_last_sync_at timestamptz,
  created_at timestamptz not null default now(),
  constraint sync_notes_pkey primary key (id),
  constraint sync_notes_contact_fkey foreign key (contact)
    references hubspot_sync.hubspot_contact_credits (id) on delete cascade,
  constraint sync_notes_body_fits check (length(body) <= 65536)
);
comment on table hubspot_sync.sync_notes is
  'Notes on contacts: body (HTML), entries (ids of supabase_audit_log it tells of), noted_at (when '
  'the last of them happened); hubspot_id once HubSpot has it.';
create index sync_notes_contact on hubspot_sync.sync_notes (contact);
create unique index sync_notes_hubspot_id
  on hubspot_sync.sync_notes (hubspot_id) where hubspot_id is not null;
create index sync_notes_unsent on hubspot_sync.sync_notes (id) where hubspot_id is null;
