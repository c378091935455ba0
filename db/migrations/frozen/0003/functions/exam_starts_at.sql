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
begin
  return (p_exam_date + coalesce(hubspot_sync.readable_time(p_start_time), '00:00'))
         at time zone hubspot_sync.setting('time_zone');
end;
$$;

comment on function hubspot_sync.exam_starts_at(date, text) is
  'An exam''s start in the business''s time zone: HH:MM, HH:MM:SS or with AM/PM; an unreadable '
  'time is midnight; a null date gives null.';
revoke execute on function hubspot_sync.exam_starts_at(date, text) from public, anon, authenticated;
