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
  v_booking record;
begin
  -- One exam moves at a time: two that swap days would wait for each other's bookings.
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.move_exams', 0));
  perform hubspot_sync.close_gate(new.hubspot_id);
  perform from hubspot_sync.hubspot_bookings b
    where b.mock_exam_id = new.hubspot_id and b.is_active in ('Active', 'Completed')
    order by b.id
      for no key update;
  -- Other applications pass no gate. They wait for the counter, and look at the exam again then.
  perform from hubspot_sync.exam_seats s where s.exam = new.id for no key update;
  -- One by one, in the order of students: two exams that move to one day meet them alike.
  for v_booking in
    select b.id, b.student_id
      from hubspot_sync.hubspot_bookings b
     where b.mock_exam_id = new.hubspot_id
       and b.exam = new.id
       and b.is_active in ('Active', 'Completed')
     order by b.student_id, b.id
  loop
    begin
      update hubspot_sync.hubspot_bookings b
         set mock_type = new.mock_type,
             exam_date = new.exam_date,
             updated_at = hubspot_sync.clock()
       where b.id = v_booking.id;
    exception
      when unique_violation then
        update hubspot_sync.hubspot_bookings b
           set mock_type = new.mock_type,
               exam_date = new.exam_date,
               exempt = true,
               updated_at = hubspot_sync.clock()
         where b.id = v_booking.id;
        insert into hubspot_sync.sync_conflicts (entity, record, field, postgres_value, decision)
        values ('hubspot_bookings', v_booking.id, 'exam_date', new.exam_date::text,
                format('kept as exempt: student %s has another active booking of %s that day',
                       v_booking.student_id, new.mock_type));
    end;
  end loop;
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
