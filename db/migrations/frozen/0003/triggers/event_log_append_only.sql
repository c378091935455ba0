-- Keeps the event log append-only, for its owner too: readers hold positions in it.
create or replace function hubspot_sync.event_log_append_only()
  returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- What names a person who asked to be forgotten is taken out: see forget_contact.
  if tg_op = 'UPDATE' and current_setting('hubspot_sync.forgetting', true) = 'on' then
    return null;
  end if;
  raise exception 'event_log is append-only: % is refused', lower(tg_op)
    using errcode = 'MBAPP', hint = 'Correct what happened by a further change; it is logged too.';
end;
$$;

comment on function hubspot_sync.event_log_append_only() is
  'Trigger: raises MBAPP on update, delete and truncate of event_log.';
revoke execute on function hubspot_sync.event_log_append_only() from public, anon, authenticated;

create or replace trigger event_log_append_only
  before update or delete or truncate on hubspot_sync.event_log
  for each statement
  execute function hubspot_sync.event_log_append_only();
