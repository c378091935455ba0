-- The moment an exam starts, from a date and a text a person typed.
--
-- A start time nobody can read counts as midnight, so that such an exam closes a day early
-- rather than late.
create or replace function hubspot_sync.exam_starts_at(p_exam_date date, p_start_time text)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_time text := upper(substring(p_start_time from
    '^\s*((?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\s*(?:[AaPp][Mm])?)\s*$'));
begin
  if v_time ~ '[AP]M$' and v_time !~ '^(0?[1-9]|1[0-2]):' then
    v_time := null;  -- «14:00 PM» is no time
  end if;
  return (p_exam_date + coalesce(v_time, '00:00')::time)
         at time zone hubspot_sync.setting('time_zone');
end;
$$;

comment on function hubspot_sync.exam_starts_at(date, text) is
  'An exam''s start in the business''s time zone: HH:MM, HH:MM:SS or with AM/PM; an unreadable '
  'time is midnight; a null date gives null.';
revoke execute on function hubspot_sync.exam_starts_at(date, text) from public, anon, authenticated;
