-- Reads a time of day a person typed: 9:00, 09:00, 14:00:00, 2:00 PM.
create or replace function hubspot_sync.readable_time(p_time text)
  returns time
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_time text := upper(substring(p_time from
    '^\s*((?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\s*(?:[AaPp][Mm])?)\s*$'));
begin
  if v_time ~ '[AP]M$' and v_time !~ '^(0?[1-9]|1[0-2]):' then
    return null;  -- «14:00 PM» is no time
  end if;
  return v_time::time;
end;
$$;

comment on function hubspot_sync.readable_time(text) is
  'A time of day from HH:MM or HH:MM:SS, with AM or PM or without; null when it cannot be read.';
revoke execute on function hubspot_sync.readable_time(text) from public, anon, authenticated;
