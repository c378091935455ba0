-- Moves every exam's start with the business's time zone: their dates and times of day stay.
create or replace function hubspot_sync.settings_time_zone()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- All exams, then all counters, in the order in which everybody else takes them.
  perform from hubspot_sync.hubspot_mock_exams e order by e.id for no key update;
  perform from hubspot_sync.exam_seats s order by s.exam for no key update;
  -- Whatever is written, hubspot_mock_exams_defaults puts the start that follows.
  update hubspot_sync.hubspot_mock_exams set starts_at = null;
  return null;
end;
$$;

comment on function hubspot_sync.settings_time_zone() is
  'Trigger: recomputes starts_at of all exams when the setting time_zone has changed.';
revoke execute on function hubspot_sync.settings_time_zone() from public, anon, authenticated;

create or replace trigger settings_time_zone
  after update of value on hubspot_sync.settings
  for each row
  when (new.key = 'time_zone' and old.value is distinct from new.value)
  execute function hubspot_sync.settings_time_zone();
