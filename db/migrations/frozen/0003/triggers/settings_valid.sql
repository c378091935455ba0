-- Refuses a setting nobody could read: a wrong one would stop every booking.
create or replace function hubspot_sync.settings_valid()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_known constant text[] := array[
    'time_zone', 'cancellation_cutoff', 'backoff_base', 'backoff_max', 'longest_request',
    'max_sync_attempts', 'profile', 'retention_queue', 'retention_errors', 'urgent_reserve',
    'daily_call_cap', 'hubspot_time_zone', 'counted_within', 'stream_length', 'notes',
    'notes_every', 'retention_inbox', 'deletions_a_day', 'poll_overlap', 'poll_recent',
    'poll_every_min', 'poll_every_max', 'read_after'];
  c_nullable constant text[] := array[
    'cancellation_cutoff', 'platform_schemas', 'daily_call_cap', 'counted_within',
    'hubspot_source_id'];
  v_fits boolean := true;
begin
  if tg_op <> 'INSERT' then
    if old.key = any (c_known) and (tg_op = 'DELETE' or new.key <> old.key) then
      raise exception 'setting % cannot be removed', old.key
        using errcode = '22023', hint = old.description;
    end if;
    if tg_op = 'DELETE' then
      return old;
    end if;
  end if;
  if new.value is null and new.key <> all (c_nullable) then
    raise exception 'setting % needs a value', new.key
      using errcode = '22023', hint = new.description;
  end if;
  begin
    if new.key in ('time_zone', 'hubspot_time_zone') then
      perform now() at time zone new.value;
    elsif new.key = 'profile' then
      v_fits := new.value in ('fast', 'thrifty');
    elsif new.key = 'notes' then
      v_fits := new.value in ('on', 'off');
    elsif new.key in ('max_sync_attempts', 'stream_length') then
      v_fits := new.value::integer >= 1;
    elsif new.key in ('urgent_reserve', 'daily_call_cap', 'deletions_a_day') then
      v_fits := new.value::integer >= 0;
    elsif new.key = 'poll_overlap' then
      -- Search sees a change some seconds late, and nobody promises how many.
      v_fits := new.value::interval >= '5 minutes' and new.value::interval < '100 years';
    elsif new.key in ('backoff_base', 'backoff_max', 'poll_every_min', 'poll_every_max') then
      -- Without a wait a run would never end while HubSpot is away.
      v_fits := new.value::interval >= '1 second' and new.value::interval < '100 years';
    elsif new.key = any (c_known) then
      v_fits := new.value::interval >= '0' and new.value::interval < '100 years';
    end if;
  exception
    when invalid_parameter_value or invalid_datetime_format or invalid_text_representation
         or numeric_value_out_of_range or interval_field_overflow or datetime_field_overflow then
      v_fits := false;
  end;
  if not v_fits then
    raise exception 'setting % cannot be %', new.key, left(new.value, 100)
      using errcode = '22023', hint = new.description;
  end if;
  return new;
end;
$$;

comment on function hubspot_sync.settings_valid() is
  'Trigger: raises 22023 for a value of hubspot_sync.settings that cannot be read.';
revoke execute on function hubspot_sync.settings_valid() from public, anon, authenticated;

create or replace trigger settings_valid
  before insert or update or delete on hubspot_sync.settings
  for each row
  execute function hubspot_sync.settings_valid();
