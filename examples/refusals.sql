-- Gives refusals.out: PGTZ=UTC psql -Xq "$DATABASE_URL" < examples/refusals.sql 2>&1
--
-- A refusal raises its own SQLSTATE and changes nothing; detail and hint say more.
begin;
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values
  ('921', 'Mini-mock', '2099-03-02', '09:30', 0, 'true'),
  ('922', 'Mini-mock', '2020-03-02', '09:30', 9, 'true'),
  ('923', 'Mini-mock', '2099-03-02', '09:30', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('503', 'S000003', 'cy@example.org');

do $$
declare
  v_exam text;
  v_detail text;
  v_hint text;
begin
  foreach v_exam in array array['920', '921', '922', '923'] loop
    begin
      perform api.create_booking(v_exam, 'S000003', 'cy@example.org');
    exception when sqlstate 'MBEXM' or sqlstate 'MBFUL' or sqlstate 'MBPST' or sqlstate 'MBCRD' then
      get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      raise notice '%: % (%). %', sqlstate, sqlerrm, v_detail, v_hint;
    end;
  end loop;
end
$$;
rollback;
