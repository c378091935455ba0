begin;
select plan(17);

insert into hubspot_sync.hubspot_bookings
  (id, booking_id, mock_exam_id, student_id, student_email, is_active, mock_type, exam_date,
   exempt, created_at)
values
  ('00000000-0000-4000-8000-000000000001', 'BK-1', 'E-1', 'S-1', 'a@b', 'Active', 'Mini-mock',
   '2030-02-01 17:00', false, '2030-01-02'),
  ('00000000-0000-4000-8000-000000000002', 'BK-2', 'E-2', 'S-1', 'a@b', 'Active', 'Mini-mock',
   '2030-02-02', true, '2030-01-01'),
  ('00000000-0000-4000-8000-000000000003', 'BK-3', 'E-3', 'S-1', 'a@b', 'Cancelled', 'Mini-mock',
   '2030-02-03', false, '2030-01-01'),
  ('00000000-0000-4000-8000-000000000004', 'BK-4', 'E-4', 'S-1', 'a@b', 'Completed', 'Mini-mock',
   '2030-02-04', false, '2030-01-01'),
  ('00000000-0000-4000-8000-000000000005', 'BK-5', 'E-5', 'S-1', 'a@b', 'Active', null, null,
   false, '2030-01-01'),
  ('00000000-0000-4000-8000-000000000006', 'BK-6', 'E-1', 'S-1', 'a@b', 'Active', 'Mini-mock',
   '2030-02-01', true, '2030-01-03');
create function pg_temp.duplicate(
  p_student_id text, p_exam text, p_type text, p_date date, p_but uuid
)
  returns text language plpgsql as $$
declare
  v_exam hubspot_sync.bookable_exam;
begin
  v_exam.hubspot_id := p_exam;
  v_exam.mock_type := p_type;
  v_exam.exam_date := p_date;
  return hubspot_sync.find_duplicate(p_student_id, v_exam, p_but);
end
$$;

select is(pg_temp.duplicate(r.student_id, r.exam, r.type, r.day::date, r.but::uuid), r.found,
          r.fact)
  from (values
    ('S-1', 'E-1', 'Clinical Skills', '2030-03-01', null, 'BK-1',
     'a booking for the exam is found, the first of several'),
    ('S-1', 'E-9', 'Mini-mock', '2030-02-01', null, 'BK-1',
     'so is one of its type on its day, whatever the time'),
    ('S-1', 'E-9', 'Mini-mock', '2030-02-02', null, 'BK-2', 'an exempt one counts'),
    ('S-1', 'E-9', 'Clinical Skills', '2030-02-01', null, null, 'another type that day does not'),
    ('S-1', 'E-9', 'Mini-mock', '2030-02-05', null, null, 'nor does the type on another day'),
    ('S-1', 'E-3', 'Mini-mock', '2030-02-03', null, null, 'nor a cancelled one'),
    ('S-1', 'E-4', 'Mini-mock', '2030-02-04', null, null, 'nor a completed one'),
    ('S-2', 'E-1', 'Mini-mock', '2030-02-01', null, null, 'nor another student''s'),
    ('s-1', 'E-1', 'Mini-mock', '2030-02-01', null, null, 'student ids differ by case'),
    ('S-1', 'E-1', 'Mini-mock', '2030-02-01', '00000000-0000-4000-8000-000000000001', 'BK-6',
     'one may be left aside, not its double'),
    ('S-1', 'E-2', 'Mini-mock', '2030-02-02', '00000000-0000-4000-8000-000000000002', null,
     'left aside, it does not count'),
    ('S-1', 'E-5', null, null, null, 'BK-5', 'an exam of which nothing else is known is found'),
    ('S-1', 'E-9', null, null, null, null, 'what is unknown is equal to nothing'),
    ('S-1', 'E-9', 'Mini-mock', 'infinity', null, null, 'a day that never comes is another day'),
    (null, 'E-1', 'Mini-mock', '2030-02-01', null, null, 'nobody has no booking'),
    ('S-1'' or true', 'E-1', 'Mini-mock', '2030-02-01', null, null, 'SQL in an id is no SQL')
  ) as r (student_id, exam, type, day, but, found, fact);
select is(hubspot_sync.find_duplicate('S-1', null, null), null, 'no exam has no booking');

select * from finish();
rollback;
