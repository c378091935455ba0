-- Counts the seats taken, whoever writes the bookings: the booking functions, HubSpot, the old
-- application. It counts and never refuses; api.create_booking looks at the count and does.
--
-- It fires after the statement, when the other triggers are done: the counter is the last row
-- a booking locks. Exams are taken in order, so two writers of many bookings cannot deadlock.
create or replace function hubspot_sync.hubspot_bookings_seats()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_exam uuid;
  v_delta integer;
begin
  if tg_op = 'INSERT' then
    for v_exam, v_delta in
      select n.exam, count(*)::integer
        from new_rows n
       where n.is_active in ('Active', 'Completed') and n.exam is not null
       group by n.exam
       order by n.exam
    loop
      update hubspot_sync.exam_seats s set taken = s.taken + v_delta where s.exam = v_exam;
      -- Other writers pass no gate: the exam may have been moved while they waited here.
      update hubspot_sync.hubspot_bookings b
         set mock_type = e.mock_type, exam_date = e.exam_date
        from hubspot_sync.hubspot_mock_exams e
       where e.id = v_exam
         and b.id in (select n.id from new_rows n where n.exam = v_exam)
         and (b.mock_type <> e.mock_type or b.exam_date::date <> e.exam_date);
    end loop;
  elsif tg_op = 'DELETE' then
    for v_exam, v_delta in
      select o.exam, count(*)::integer
        from old_rows o
       where o.is_active in ('Active', 'Completed') and o.exam is not null
       group by o.exam
       order by o.exam
    loop
      update hubspot_sync.exam_seats s set taken = s.taken - v_delta where s.exam = v_exam;
    end loop;
  else
    for v_exam, v_delta in
      select c.exam, sum(c.delta)::integer
        from (select n.exam, 1 as delta
                from new_rows n
               where n.is_active in ('Active', 'Completed') and n.exam is not null
              union all
              select o.exam, -1
                from old_rows o
               where o.is_active in ('Active', 'Completed') and o.exam is not null) c
       group by c.exam
      having sum(c.delta) <> 0
       order by c.exam
    loop
      update hubspot_sync.exam_seats s set taken = s.taken + v_delta where s.exam = v_exam;
      if v_delta > 0 then
        update hubspot_sync.hubspot_bookings b
           set mock_type = e.mock_type, exam_date = e.exam_date
          from hubspot_sync.hubspot_mock_exams e
         where e.id = v_exam
           and b.id in (select n.id from new_rows n where n.exam = v_exam)
           and (b.mock_type <> e.mock_type or b.exam_date::date <> e.exam_date);
      end if;
    end loop;
  end if;
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_bookings_seats() is
  'Trigger: keeps taken of exam_seats equal to the bookings that hold a seat.';
revoke execute on function hubspot_sync.hubspot_bookings_seats() from public, anon, authenticated;

create or replace trigger hubspot_bookings_seats_insert
  after insert on hubspot_sync.hubspot_bookings
  referencing new table as new_rows
  for each statement
  execute function hubspot_sync.hubspot_bookings_seats();

create or replace trigger hubspot_bookings_seats_update
  after update on hubspot_sync.hubspot_bookings
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function hubspot_sync.hubspot_bookings_seats();

create or replace trigger hubspot_bookings_seats_delete
  after delete on hubspot_sync.hubspot_bookings
  referencing old table as old_rows
  for each statement
  execute function hubspot_sync.hubspot_bookings_seats();
