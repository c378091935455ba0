-- Carries an exam's new type or date to the bookings that hold a seat, whoever changed it.
--
-- The gate is closed first, so nobody is bringing it a booking with the old date. A booking that
-- becomes a student's second of that type and day is kept, marked exempt, and noted.
create or replace function hubspot_sync.hubspot_mock_exams_cascade()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_clashing uuid[];
begin
  perform hubspot_sync.close_gate(new.hubspot_id);
  perform from hubspot_sync.hubspot_bookings b
    where b.mock_exam_id = new.hubspot_id and b.is_active in ('Active', 'Completed')
    order by b.id
      for no key update;
  -- Other applications pass no gate. They wait for the counter, and look at the exam again then.
  perform from hubspot_sync.exam_seats s where s.exam = new.id for no key update;
  loop
    v_clashing := array(
      select b.id
        from hubspot_sync.hubspot_bookings b
       where b.mock_exam_id = new.hubspot_id
         and b.is_active = 'Active'
         and not b.exempt
         and exists (
           select from hubspot_sync.hubspot_bookings o
            where o.student_id = b.student_id
              and o.mock_type = new.mock_type
              and o.exam_date::date = new.exam_date
              and o.is_active = 'Active'
              and not o.exempt
              and o.id <> b.id));
    begin
      update hubspot_sync.hubspot_bookings b
         set mock_type = new.mock_type,
             exam_date = new.exam_date,
             exempt = b.exempt or b.id = any (v_clashing),
             updated_at = hubspot_sync.clock()
       where b.mock_exam_id = new.hubspot_id
         and b.exam = new.id
         and b.is_active in ('Active', 'Completed');
      exit;
    exception
      when unique_violation then
        null;  -- one of the students booked elsewhere this moment: look again
    end;
  end loop;
  insert into hubspot_sync.sync_conflicts (entity, record, field, postgres_value, decision)
  select 'hubspot_bookings', b.id, 'exam_date', new.exam_date::text,
         format('kept as exempt: student %s has another active booking of %s that day',
                b.student_id, new.mock_type)
    from hubspot_sync.hubspot_bookings b
   where b.id = any (v_clashing);
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_mock_exams_cascade() is
  'Trigger: copies an exam''s type and date to its bookings that hold a seat.';
revoke execute on function hubspot_sync.hubspot_mock_exams_cascade()
  from public, anon, authenticated;

create or replace trigger hubspot_mock_exams_cascade
  after update on hubspot_sync.hubspot_mock_exams
  for each row
  when ((old.mock_type, old.exam_date) is distinct from (new.mock_type, new.exam_date))
  execute function hubspot_sync.hubspot_mock_exams_cascade();
