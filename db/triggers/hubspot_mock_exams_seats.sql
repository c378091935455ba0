-- Gives every exam its counter and keeps capacity and state in it, whoever writes the exam.
--
-- A change of the date also writes the counter's row: a booking in flight then sees, when it
-- gets that row, that the exam is no longer the one it looked at.
create or replace function hubspot_sync.hubspot_mock_exams_seats()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    insert into hubspot_sync.exam_seats (exam, capacity, is_open)
    values (new.id, coalesce(new.capacity, 0),
            new.deleted_at is null and hubspot_sync.exam_is_active(new.is_active));
    perform pg_advisory_xact_lock(hashtextextended('exam ' || new.hubspot_id, 0));
    -- Bookings that came before their exam belong to it from now on, also one that turns out to
    -- be a student's second of that type and day.
    with linked as (
      update hubspot_sync.hubspot_bookings b
         set exam = new.id,
             mock_type = new.mock_type,
             exam_date = new.exam_date,
             exempt = b.exempt or b.is_active = 'Active' and exists (
               select from hubspot_sync.hubspot_bookings o
                where o.student_id = b.student_id
                  and o.mock_type = new.mock_type
                  and o.exam_date::date = new.exam_date
                  and o.is_active = 'Active'
                  and not o.exempt
                  and o.id <> b.id)
       where b.mock_exam_id = new.hubspot_id
         and b.exam is null
      returning b.id, b.exempt, b.student_id
    )
    insert into hubspot_sync.sync_conflicts (entity, record, field, postgres_value, decision)
    select 'hubspot_bookings', l.id, 'exam_date', new.exam_date::text,
           format('kept as exempt: student %s has another active booking of %s that day',
                  l.student_id, new.mock_type)
      from linked l
     where l.exempt;
  else
    update hubspot_sync.exam_seats s
       set capacity = coalesce(new.capacity, 0),
           is_open = new.deleted_at is null and hubspot_sync.exam_is_active(new.is_active)
     where s.exam = new.id;
  end if;
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_mock_exams_seats() is
  'Trigger: keeps exam_seats beside the exams.';
revoke execute on function hubspot_sync.hubspot_mock_exams_seats() from public, anon, authenticated;

create or replace trigger hubspot_mock_exams_seats_insert
  after insert on hubspot_sync.hubspot_mock_exams
  for each row
  execute function hubspot_sync.hubspot_mock_exams_seats();

create or replace trigger hubspot_mock_exams_seats_update
  after update on hubspot_sync.hubspot_mock_exams
  for each row
  when ((old.capacity, old.is_active, old.deleted_at, old.mock_type, old.exam_date, old.starts_at)
        is distinct from
        (new.capacity, new.is_active, new.deleted_at, new.mock_type, new.exam_date, new.starts_at))
  execute function hubspot_sync.hubspot_mock_exams_seats();
