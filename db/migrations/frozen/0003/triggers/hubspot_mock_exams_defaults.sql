-- Keeps starts_at true to exam_date and start_time, whoever writes them.
create or replace function hubspot_sync.hubspot_mock_exams_defaults()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.starts_at := hubspot_sync.exam_starts_at(new.exam_date, new.start_time);
  return new;
end;
$$;

comment on function hubspot_sync.hubspot_mock_exams_defaults() is
  'Trigger: computes starts_at of an exam.';
revoke execute on function hubspot_sync.hubspot_mock_exams_defaults()
  from public, anon, authenticated;

create or replace trigger hubspot_mock_exams_defaults
  before insert or update of exam_date, start_time, starts_at
  on hubspot_sync.hubspot_mock_exams
  for each row
  execute function hubspot_sync.hubspot_mock_exams_defaults();
