-- Notes a record of HubSpot's that could not be taken, once while it stays that way.
create or replace function hubspot_sync.note_inbound_error(
  p_entity text,
  p_hubspot_id text,
  p_message text
)
  returns void
  language sql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
  insert into hubspot_sync.sync_errors as e
    (direction, entity, hubspot_id, error_message, created_at)
  values
    ('hubspot_to_supabase', p_entity, left(p_hubspot_id, 500), p_message, hubspot_sync.clock())
  on conflict (direction, entity, record, hubspot_id) where resolved_at is null
  do update set error_message = excluded.error_message, retry_count = e.retry_count + 1;
$$;

comment on function hubspot_sync.note_inbound_error(text, text, text) is
  'Writes an open row to sync_errors, or counts a retry on the one that is open.';
revoke execute on function hubspot_sync.note_inbound_error(text, text, text)
  from public, anon, authenticated;
