-- Whether a version of a record of HubSpot's needs no further signal: one waits that nobody has
-- begun to read, or reading it failed for good. The dead letter of a signal that does not tell
-- which version it died of stands for whatever was there by then.
create or replace function hubspot_sync.is_asked_for(
  p_table text,
  p_id text,
  p_version timestamptz
)
  returns boolean
  language sql
  stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from (select w.table_name, w.epoch, w.next_attempt_at, w.dead_at,
                        -- What HubSpot's events call so is not ours to read.
                        case when w.event_key is null then w.event ->> 'version' end as version
                   from hubspot_sync.webhook_inbox w
                  where w.hubspot_id = p_id and w.done_at is null
                 offset 0) w
     where w.table_name = p_table
       and case
             when w.dead_at is not null
             then coalesce(w.version::timestamptz, w.dead_at) >= p_version
             else w.epoch is null or w.next_attempt_at <= hubspot_sync.clock()
           end);
$$;

comment on function hubspot_sync.is_asked_for(text, text, timestamptz) is
  'Whether the inbox has an open signal for the record that nobody reads yet, or a dead letter of '
  'this version or a newer one.';
revoke execute on function hubspot_sync.is_asked_for(text, text, timestamptz)
  from public, anon, authenticated;
